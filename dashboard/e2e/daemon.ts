/** A daemon of one's own: the built program on a fresh data folder, which can be killed and comes back at the same address. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PROGRAM = process.env.GHOSTLIGHT_PROGRAM ?? resolve('../target/debug/ghostlight');
const REPOSITORY = resolve('..');
const START_MS = 30_000;

export class Daemon {
  #child: ChildProcess | null = null;
  #log = '';

  private constructor(
    readonly folder: string,
    readonly url: string,
    private readonly extra: string[],
  ) {}

  static async start(extra: string[] = []): Promise<Daemon> {
    const folder = mkdtempSync(join(tmpdir(), 'ghostlight-e2e-'));
    const daemon = new Daemon(folder, `http://127.0.0.1:${await freePort()}`, extra);
    await daemon.again();
    return daemon;
  }

  /** Starts it, or starts it once more after it was killed. */
  async again(): Promise<void> {
    const listen = this.url.replace('http://', '');
    const arguments_ = ['serve', '--data', join(this.folder, 'data'), '--listen', listen, ...this.extra];
    const child = spawn(PROGRAM, arguments_, { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.#log = (this.#log + chunk.toString()).slice(-20_000)));
    }
    const until = Date.now() + START_MS;
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the daemon ended:\n${this.#log}`);
      const ready = await fetch(`${this.url}/readyz`).catch(() => null);
      if (ready?.ok) return;
      if (Date.now() > until) throw new Error(`the daemon is not ready:\n${this.#log}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Ends it in good order, and proves that it ended so. */
  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
    if (code !== 0) throw new Error(`the daemon ended with ${code}:\n${this.#log}`);
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return child?.exitCode ?? 0;
    child.kill(signal);
    const [code] = (await once(child, 'exit')) as [number | null];
    return code;
  }

  async call<T = unknown>(method: string, path: string, body?: unknown, headers = {}): Promise<T> {
    const isText = typeof body === 'string';
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { 'content-type': isText ? 'application/yaml' : 'application/json', ...headers },
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  }

  save(name: string): Promise<unknown> {
    const text = readFileSync(new URL(`./workflows/${name}.yaml`, import.meta.url), 'utf8');
    return this.call('POST', '/workflows', text);
  }

  async run(workflow: string, input: unknown = {}): Promise<string> {
    const run = await this.call<{ id: string }>('POST', `/workflows/${workflow}/runs`, { input });
    return run.id;
  }

  /** The run when it has ended, or as it is after half a minute. */
  ended(run: string): Promise<{ status: string; output: unknown }> {
    return this.call('GET', `/runs/${run}?wait=30`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
