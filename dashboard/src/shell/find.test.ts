import { describe, expect, it } from 'vitest';
import House from '@lucide/svelte/icons/house';
import { find, runIdIn, score, type Command } from './find';

const command = (label: string, group = 'Go to', more: Partial<Command> = {}): Command => ({
  id: `${group}/${label}`,
  group,
  label,
  icon: House,
  ...more,
});
const labels = (commands: Command[], query: string) =>
  find(commands, query).map((group) => [group.name, ...group.commands.map((found) => found.label)]);

describe('the palette', () => {
  const all = [
    command('Home'),
    command('Runs'),
    command('Workflows'),
    command('incident-response', 'Workflows', { hint: 'Detect, investigate' }),
    command('Start a run of incident-response', 'Start a run'),
    command('Dark colours', 'Do', { words: 'theme' }),
  ];

  it('shows everything in its order as long as nothing is typed', () => {
    expect(labels(all, '')[0]).toEqual(['Go to', 'Home', 'Runs', 'Workflows']);
  });

  it('puts the best fit first', () => {
    expect(labels(all, 'run')[0]).toEqual(['Go to', 'Runs']);
    expect(labels(all, 'inci')[0]?.[1]).toBe('incident-response');
  });

  it('wants every word, anywhere in label, hint and hidden words', () => {
    expect(labels(all, 'incident detect')).toEqual([['Workflows', 'incident-response']]);
    expect(labels(all, 'theme')).toEqual([['Do', 'Dark colours']]);
    expect(labels(all, 'incident zebra')).toEqual([]);
  });

  it('shows a few of each group', () => {
    const many = Array.from({ length: 100 }, (_, at) => command(`workflow-${at}`, 'Workflows'));
    expect(find(many, 'workflow')[0]?.commands).toHaveLength(7);
  });

  it('forgives letters that were left out', () => {
    expect(score('incident-response', 'incresp')).toBeGreaterThan(0);
    expect(score('incident-response', 'xyz')).toBe(0);
  });

  it('knows the id of a run, also in a pasted address', () => {
    const id = '01980c2a-77e1-7c50-8b1a-3f0e9a7d5c21';
    expect(runIdIn(id.toUpperCase())).toBe(id);
    expect(runIdIn(`http://127.0.0.1:7070/runs/${id}?tab=events`)).toBe(id);
    expect(runIdIn('9a7d5c21')).toBeUndefined();
  });
});
