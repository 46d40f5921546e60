import { describe, expect, it } from 'vitest';
import { chips, fromParams, isEmpty, momentOf, toQuery, toSearch, toggled, pressed } from './filter';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const read = (search: string) => {
  const params = new URLSearchParams(search);
  return fromParams((name) => params.get(name) ?? '');
};

describe('a filter of runs', () => {
  it('is the same after it went through the URL', () => {
    const search = 'status=failed%2Crunning&workflow=w&label=team%3Dx&waits_for=approval&since=24h';
    expect(toSearch(read(search))).toBe(search);
    expect(isEmpty(read('tab=x'))).toBe(true);
  });

  it('turns spans into moments and leaves out what says nothing', () => {
    expect(toQuery(read('status=failed&since=24h'), NOW)).toEqual({
      status: 'failed',
      since: '2026-01-01T00:00:00.000Z',
    });
    expect(momentOf('yesterday', NOW)).toBe('');
    expect(momentOf('2026-01-01T00:00:00Z', NOW)).toBe('2026-01-01T00:00:00.000Z');
  });

  it('is said in chips, each of which knows the filter without it', () => {
    const said = chips(
      read('workflow=w&waits_for=approval,time&reason=quarantined&since=7d'),
      (moment) => moment,
    );
    expect(said.map((chip) => chip.text)).toEqual([
      'Workflow w',
      'Waits for approval or time',
      'Paused: quarantined',
      'Created: last 7 days',
    ]);
    expect(toSearch(said[0]!.without)).toBe('waits_for=approval%2Ctime&reason=quarantined&since=7d');
  });

  it('takes words in and out', () => {
    expect(toggled(['a'], 'b')).toEqual(['a', 'b']);
    expect(toggled(['a', 'b'], 'a')).toEqual(['b']);
  });
});

it('chooses the word that is pressed alone, and with a key beside it those that are chosen too', () => {
  expect(pressed([], 'failed', false)).toEqual(['failed']);
  expect(pressed(['failed'], 'running', false)).toEqual(['running']);
  expect(pressed(['failed', 'running'], 'running', false)).toEqual(['running']);
  expect(pressed(['running'], 'running', false)).toEqual([]);
  expect(pressed(['failed'], 'running', true)).toEqual(['failed', 'running']);
  expect(pressed(['failed', 'running'], 'failed', true)).toEqual(['running']);
});
