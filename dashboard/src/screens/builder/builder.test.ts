import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '$lib/api/problem';
import { Builder } from './builder.svelte';
import * as definitions from './definitions';
import { draftOf, keepDraft, NEW } from './draft';
import { setValue } from './model/operations';

const TEXT =
  'name: sample\nnodes:\n  a: { type: emit, event: x }\n  b: { type: emit, event: y, needs: [a] }\n';
const workflow = (version: number, source = TEXT) =>
  ({ name: 'sample', version, latest_version: version, source }) as definitions.Workflow;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  localStorage.clear();
  vi.spyOn(definitions, 'latest').mockResolvedValue({ workflow: workflow(3), etag: '"3"' });
  vi.spyOn(definitions, 'check').mockResolvedValue({ valid: true, diagnostics: [], plan: null });
});
afterEach(() => vi.useRealTimers());

async function opened(): Promise<Builder> {
  const builder = new Builder();
  await builder.open('sample');
  return builder;
}

describe('editing', () => {
  it('shows in the graph what is typed, after a moment', async () => {
    const builder = await opened();
    builder.type(`${TEXT}  c: { type: emit, event: z, needs: [b] }\n`);
    expect(builder.graph.nodes).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(200);
    expect(builder.graph.nodes.map((node) => node.id)).toEqual(['a', 'b', 'c']);
  });

  it('keeps the graph while the text cannot be read, and edits nothing then', async () => {
    const builder = await opened();
    builder.type(`${TEXT}  c: {`);
    await vi.advanceTimersByTimeAsync(200);
    expect(builder.broken).not.toBeNull();
    expect(builder.graph.nodes).toHaveLength(2);
    expect(builder.edit('x', (text) => `${text}#`)).toBe(false);
    expect(builder.text).toBe(`${TEXT}  c: {`);
  });

  it('takes back what was typed, drawn and moved in one row', async () => {
    const builder = await opened();
    builder.edit('changing', (text) => setValue(text, ['nodes', 'a', 'event'], 'other'));
    builder.move({ a: { x: 1, y: 2 } });
    builder.type(`${builder.text}# more\n`);
    builder.undo();
    expect(builder.text).not.toContain('# more');
    builder.undo();
    expect(builder.moved).toEqual({});
    builder.undo();
    expect(builder.text).toBe(TEXT);
    expect(builder.isDirty).toBe(false);
    builder.redo();
    builder.redo();
    expect(builder.moved).toEqual({ a: { x: 1, y: 2 } });
  });

  it('keeps a step selected, and where it was moved to, when it gets another id', async () => {
    const builder = await opened();
    builder.move({ a: { x: 1, y: 2 } });
    builder.select(['a']);
    expect(builder.rename('a', 'first')).toBe(true);
    expect(builder.one?.id).toBe('first');
    expect(builder.moved).toEqual({ first: { x: 1, y: 2 } });
    expect(builder.text).toContain('needs: [first]');
    builder.undo();
    expect(builder.moved).toEqual({ a: { x: 1, y: 2 } });
    expect(builder.rename('a', 'b')).toBe(false);
  });

  it('takes back what was added with the place where it was put', async () => {
    const builder = await opened();
    builder.edit('adding', (text) => `${text}  c: { type: emit, event: z }\n`);
    builder.move({ c: { x: 5, y: 6 } }, true);
    expect(builder.undoes).toBe('adding');
    builder.undo();
    expect(builder.moved).toEqual({});
    expect(builder.text).toBe(TEXT);
    builder.redo();
    expect(builder.moved).toEqual({ c: { x: 5, y: 6 } });
  });

  it('keeps selected what is still there', async () => {
    const builder = await opened();
    builder.select(['a', 'b']);
    builder.edit('x', (text) => text.replace('  a: { type: emit, event: x }\n', ''));
    expect(builder.selected).toEqual(['b']);
  });

  it('asks the compiler once for many keys', async () => {
    const builder = await opened();
    await vi.advanceTimersByTimeAsync(500);
    vi.mocked(definitions.check).mockClear();
    for (const key of '# hello') builder.type(builder.text + key);
    await vi.advanceTimersByTimeAsync(1000);
    expect(definitions.check).toHaveBeenCalledTimes(1);
    expect(builder.checked).toBe('valid');
  });
});

describe('drafts', () => {
  it('are kept, and found again with what they were made of', async () => {
    const builder = await opened();
    builder.type(`${TEXT}# mine\n`);
    builder.stop();
    vi.mocked(definitions.latest).mockResolvedValue({ workflow: workflow(4, '# theirs\n'), etag: '"4"' });
    const again = await opened();
    expect(again.text).toBe(`${TEXT}# mine\n`);
    expect(again.base).toEqual({ version: 3, etag: '"3"', source: TEXT });
    expect(again.found).toBe(1_000_000);
  });

  it('are gone once nothing differs any more', async () => {
    const builder = await opened();
    builder.type(`${TEXT}#`);
    await vi.advanceTimersByTimeAsync(1000);
    expect(draftOf('sample')).not.toBeNull();
    builder.undo();
    await vi.advanceTimersByTimeAsync(1000);
    expect(draftOf('sample')).toBeNull();
  });

  it('of a workflow that does not exist yet are found, too', () => {
    keepDraft(NEW, { text: TEXT, version: null, etag: null, base: '', at: 5 });
    const builder = new Builder();
    expect(builder.resume()).toBe(true);
    expect(builder.graph.name).toBe('sample');
    builder.stop();
  });
});

describe('saving', () => {
  it('edits the version that was opened, and begins from the one that was saved', async () => {
    const save = vi
      .spyOn(definitions, 'save')
      .mockResolvedValue({ saved: { version: 4, unchanged: false } as never, etag: '"4"' });
    const builder = await opened();
    builder.type(`${TEXT}# new\n`);
    expect(await builder.save('because')).toEqual({ name: 'sample', unchanged: false });
    expect(save).toHaveBeenCalledWith('sample', `${TEXT}# new\n`, 'because', '"3"');
    expect(builder.base).toEqual({ version: 4, etag: '"4"', source: `${TEXT}# new\n` });
    expect(builder.isDirty).toBe(false);
  });

  it('keeps a draft of what differs in comments alone, because no version is made of that', async () => {
    vi.spyOn(definitions, 'save').mockResolvedValue({
      saved: { version: 3, unchanged: true } as never,
      etag: '"3"',
    });
    const builder = await opened();
    builder.type(`${TEXT}# only words\n`);
    expect(await builder.save('')).toEqual({ name: 'sample', unchanged: true });
    expect(builder.isDirty).toBe(true);
    expect(draftOf('sample')?.text).toBe(`${TEXT}# only words\n`);
  });

  it('shows what somebody else has saved meanwhile, and writes nothing over it', async () => {
    const refusal = new ApiError({ title: 'It has changed', status: 412, code: 'precondition_failed' });
    vi.spyOn(definitions, 'save').mockRejectedValue(refusal);
    const builder = await opened();
    builder.type(`${TEXT}# mine\n`);
    vi.mocked(definitions.latest).mockResolvedValue({ workflow: workflow(4, '# theirs\n'), etag: '"4"' });
    expect(await builder.save('')).toBeNull();
    expect(builder.conflict?.workflow.version).toBe(4);
    expect(builder.text).toBe(`${TEXT}# mine\n`);
    expect(builder.isDirty).toBe(true);
  });

  it('asks before a new workflow becomes a version of another', async () => {
    const save = vi.spyOn(definitions, 'save');
    vi.spyOn(definitions, 'ifThere').mockResolvedValue({ workflow: workflow(7), etag: '"7"' });
    const builder = new Builder();
    builder.start(TEXT);
    expect(await builder.save('')).toBeNull();
    expect(builder.conflict?.workflow.version).toBe(7);
    expect(save).not.toHaveBeenCalled();
    builder.stop();
  });
});
