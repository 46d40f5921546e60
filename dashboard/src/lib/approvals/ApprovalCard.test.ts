import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '$lib/api/problem';
import Harness from './Harness.test.svelte';

const asked: string[] = [];
const sent: unknown[] = [];
let refuse: (() => Promise<never>) | null = null;
let more: Record<string, unknown> = {};
const approval = (id: string) => ({
  id,
  run: 'r',
  step: 's',
  action: `Do ${id}`,
  cut: false,
  risk: 'low',
  shown: '',
  status: 'pending',
  requested_at: '2026-01-01T00:00:00Z',
  changed: false,
  ...more,
});

vi.mock('$lib/api/client', () => ({
  csrf: { token: null },
  idempotencyKey: () => 'k',
  data: async (answer: Promise<{ data: unknown }>) => (await answer).data,
  api: {
    GET: async (_: string, { params }: { params: { path: { id: string } } }) => ({
      data: approval(params.path.id),
    }),
    POST: async (path: string, { params, body }: { params: { path: { id: string } }; body: unknown }) => {
      asked.push(`${path.split('/').at(-1)} ${params.path.id}`);
      sent.push(body);
      return refuse ? refuse() : { data: {} };
    },
  },
}));
const feed = vi.hoisted(() => ({ state: 'live', staleSince: null as number | null }));
vi.mock('$lib/state/pulse.svelte', () => ({ pulse: { feed, listen: () => () => {} } }));

beforeEach(() => {
  asked.length = 0;
  sent.length = 0;
  refuse = null;
  more = {};
  Object.assign(feed, { state: 'live', staleSince: null });
});
afterEach(cleanup);

const settled = () => new Promise((done) => setTimeout(done, 10));

describe('an answer to a question', () => {
  it('goes to the question that was shown, although the next one is shown by then', async () => {
    render(Harness, { ids: ['one', 'two'] });
    await settled();
    await fireEvent.click(screen.getByText('Approve'));
    await settled();
    expect(asked).toEqual(['approve one']);
    expect(screen.getByText('Do two')).toBeTruthy();
  });

  it('cannot be given while the daemon is away, and the buttons say why', async () => {
    Object.assign(feed, { state: 'stale', staleSince: Date.now() - 60_000 });
    render(Harness, { ids: ['one'] });
    await settled();
    const approve = screen.getByText('Approve').closest('button');
    expect(approve).toMatchObject({ disabled: true, title: 'Not now: the daemon does not answer' });
    await fireEvent.click(screen.getByText('Reject'));
    expect(asked).toEqual([]);
  });

  it('comes back with what was written when the daemon refuses it', async () => {
    refuse = () => Promise.reject(new ApiError({ title: 'no', status: 503, code: 'busy' }));
    render(Harness, { ids: ['three', 'four'] });
    await settled();
    await fireEvent.input(screen.getByLabelText(/^Comment/), { target: { value: 'because' } });
    await fireEvent.click(screen.getByText('Reject'));
    await settled();
    expect(asked).toEqual(['reject three']);
    expect(screen.getByText('Do three')).toBeTruthy();
    expect((screen.getByLabelText(/^Comment/) as HTMLTextAreaElement).value).toBe('because');
  });
});

describe('a question', () => {
  it('says until when it can be answered, and what comes then', async () => {
    more = { expires_at: new Date(Date.now() + 90_000).toISOString(), on_timeout: 'reject' };
    render(Harness, { ids: ['five'] });
    await settled();
    expect(screen.getByText(/left to answer, until/).textContent).toContain(
      'After that it counts as rejected, and its step fails.',
    );
  });

  it('that nobody answered in time says what it counts as', async () => {
    more = { status: 'expired', on_timeout: 'approve', decided_at: '2026-01-01T00:00:00Z' };
    render(Harness, { ids: ['six'] });
    await settled();
    expect(screen.getByText(/Nobody answered in time: it counts as approved/)).toBeTruthy();
    expect(screen.queryByText('Approve')).toBeNull();
  });

  it('is answered with what was changed in its form', async () => {
    more = { form: { type: 'object', properties: { text: { type: 'string', default: 'Hello' } } } };
    render(Harness, { ids: ['seven'] });
    await settled();
    await fireEvent.input(screen.getByLabelText(/text/i), { target: { value: 'Good evening' } });
    await fireEvent.click(screen.getByText('Approve with changes'));
    await settled();
    expect(sent).toEqual([{ changes: { text: 'Good evening' } }]);
  });
});
