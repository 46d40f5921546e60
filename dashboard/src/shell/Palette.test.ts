import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { tick } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const { navigate, get } = vi.hoisted(() => ({ navigate: vi.fn(), get: vi.fn() }));
vi.mock('../router', () => ({ navigate, route: { pathname: '/' } }));
vi.mock('$lib/api/client', () => ({
  api: { GET: get },
  csrf: { token: null },
  data: async (answer: Promise<{ data: unknown }>) => (await answer).data,
  idempotencyKey: () => 'key',
}));

import { overlays } from './overlays.svelte';
import Palette from './Palette.svelte';

const settle = async () => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  await tick();
};

beforeEach(async () => {
  localStorage.clear();
  navigate.mockReset();
  get.mockReset().mockImplementation(async (path: string, more?: { params?: { query?: { q?: string } } }) => {
    const q = more?.params?.query?.q ?? '';
    const items: Record<string, Record<string, unknown>[]> = {
      '/api/v1/workflows': [{ name: 'deploy-shop', description: 'Brings the shop out' }],
      '/api/v1/agents': [
        { name: 'http-probe', description: '', capabilities: ['health-check'], enabled: true },
      ],
      '/api/v1/runs': [
        { id: '01980c2a-77e1-7c50-8b1a-3f0e9a7d5c21', workflow: 'deploy-shop', status: 'failed' },
      ],
    };
    return { data: { items: (items[path] ?? []).filter((item) => !q || String(item.name).includes(q)) } };
  });
  render(Palette);
  overlays.open = 'palette';
  await settle();
});
afterEach(() => {
  overlays.open = null;
  cleanup();
});

const field = () => screen.getByRole('combobox');
const chosen = () => document.querySelector('[role="option"][aria-selected="true"]')?.textContent?.trim();
const type = async (text: string) => {
  await fireEvent.input(field(), { target: { value: text } });
  await settle();
};

describe('the palette', () => {
  it('goes to what the arrow keys chose', async () => {
    expect(chosen()).toContain('Home');
    await fireEvent.keyDown(field(), { key: 'ArrowDown' });
    expect(chosen()).toContain('Needs you');
    await fireEvent.keyDown(field(), { key: 'Enter' });
    expect(navigate).toHaveBeenCalledWith('/needs-you');
    expect(overlays.open).toBeNull();
  });

  it('finds runs by the end of their id, workflows and agents', async () => {
    await type('9a7d5c21');
    await fireEvent.keyDown(field(), { key: 'Enter' });
    expect(navigate).toHaveBeenCalledWith('/runs/01980c2a-77e1-7c50-8b1a-3f0e9a7d5c21');
    overlays.open = 'palette';
    await settle();
    expect((field() as HTMLInputElement).value).toBe('');
    await type('health-check');
    expect(chosen()).toContain('http-probe');
  });

  it('offers to start a run', async () => {
    await type('start deploy');
    await fireEvent.keyDown(field(), { key: 'Enter' });
    expect(overlays.open).toBe('start');
    expect(overlays.workflow).toBe('deploy-shop');
  });

  it('offers first what was chosen last, once', async () => {
    for (const words of ['http-probe', 'start deploy', '9a7d5c21', 'http-probe']) {
      await type(words);
      await fireEvent.keyDown(field(), { key: 'Enter' });
      overlays.open = 'palette';
      await settle();
    }
    const group = screen.getByRole('group', { name: 'Recent' });
    const names = [...group.querySelectorAll('.label')].map((label) => label.textContent);
    expect(names).toEqual(['http-probe', 'deploy-shop …9a7d5c21', 'Start deploy-shop']);
    await fireEvent.keyDown(field(), { key: 'Enter' });
    expect(navigate).toHaveBeenLastCalledWith('/agents/http-probe');
    overlays.open = 'palette';
    await settle();
    await fireEvent.keyDown(field(), { key: 'ArrowDown' });
    await fireEvent.keyDown(field(), { key: 'ArrowDown' });
    await fireEvent.keyDown(field(), { key: 'Enter' });
    expect(overlays.open).toBe('start');
  });

  it('forgets what has neither a name nor an address any more', async () => {
    localStorage.setItem('ghostlight.recent', JSON.stringify([{ id: 'start/gone', label: 'Start gone' }, 7]));
    await type('x');
    await type('');
    expect(screen.queryByRole('group', { name: 'Recent' })).toBeNull();
  });

  it('says when nothing is found', async () => {
    await type('zzzzqqq');
    expect(screen.queryAllByRole('option')).toEqual([]);
    expect(screen.getByText(/Nothing is called that/)).toBeTruthy();
  });
});
