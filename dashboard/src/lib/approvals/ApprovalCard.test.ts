import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '$lib/api/problem';
import Harness from './Harness.test.svelte';

const asked: string[] = [];
let refuse: (() => Promise<never>) | null = null;
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
});

vi.mock('$lib/api/client', () => ({
  csrf: { token: null },
  idempotencyKey: () => 'k',
  data: async (answer: Promise<{ data: unknown }>) => (await answer).data,
  api: {
    GET: async (_: string, { params }: { params: { path: { id: string } } }) => ({
      data: approval(params.path.id),
    }),
    POST: async (path: string, { params }: { params: { path: { id: string } } }) => {
      asked.push(`${path.split('/').at(-1)} ${params.path.id}`);
      return refuse ? refuse() : { data: {} };
    },
  },
}));
vi.mock('$lib/state/pulse.svelte', () => ({ pulse: { listen: () => () => {} } }));

beforeEach(() => {
  asked.length = 0;
  refuse = null;
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
