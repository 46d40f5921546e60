/** What the daemon answers when it does not do what was asked (RFC 9457), and what becomes of it here. */

export interface Diagnostic {
  severity: 'error' | 'warning' | 'info';
  code: string;
  message: string;
  path?: string;
  line?: number;
  column?: number;
  end_line?: number;
  end_column?: number;
  help?: string;
}

export interface Problem {
  title: string;
  status: number;
  code: string;
  detail?: string;
  help?: string;
  diagnostics?: Diagnostic[];
  [more: string]: unknown;
}

export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
  }

  /** The daemon is not there, or the way to it is cut. */
  static unreachable(): ApiError {
    return new ApiError({
      title: 'The daemon does not answer',
      status: 0,
      code: 'unreachable',
      help: 'It may be starting, or have been stopped. This page tries again by itself.',
    });
  }

  get code(): string {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }
}

export async function problemOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  try {
    const problem = JSON.parse(text) as Problem;
    if (typeof problem.code === 'string') return new ApiError({ ...problem, status: response.status });
  } catch {
    // Not from the daemon: something between it and us has answered.
  }
  return new ApiError({
    title: `The answer was ${response.status} ${response.statusText}`.trim(),
    status: response.status,
    code: 'not_from_daemon',
    help: 'Something between this page and the daemon answered in its place.',
  });
}

/** A sentence for people about anything that was thrown. */
export function explain(error: unknown): {
  title: string;
  help: string | undefined;
  code: string | undefined;
} {
  if (error instanceof ApiError) {
    const { title, detail, help, code } = error.problem;
    return { title: detail ? sentence(detail) : title, help, code };
  }
  return { title: error instanceof Error ? error.message : String(error), help: undefined, code: undefined };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
