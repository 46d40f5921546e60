import { expect, test } from 'vitest';
import { EventLog, PAGE, filterOf, type Recorded } from './eventlog';

/** A run of `n` events among those of others: `sequence` says where each stands. */
function journal(n: number, sequence: (place: number) => number) {
  const all = Array.from({ length: n }, (_, at): Recorded => ({
    place: at + 1,
    sequence: BigInt(sequence(at + 1)),
    type: 'step.started',
    time: '',
    data: {},
  }));
  let fetches = 0;
  const log = new EventLog(async (after, limit) => {
    fetches += 1;
    return all.filter((event) => event.sequence > after).slice(0, limit);
  });
  return { log, all, last: BigInt(sequence(n)), fetches: () => fetches };
}

test('the end is known after one question, and the beginning is not read for it', async () => {
  const { log, last, fetches } = journal(100_000, (place) => place * 3);
  await log.begin(last);
  expect(log.total).toBe(100_000);
  expect(log.get(100_000)?.place).toBe(100_000);
  await log.ensure(99_950, 100_000);
  expect(log.get(99_950)?.place).toBe(99_950);
  expect(fetches()).toBeLessThan(4);
});

test('any place is found in few questions, also when others wrote in between as they liked', async () => {
  const { log, last, fetches } = journal(50_000, (place) => Math.floor(place ** 1.5));
  await log.begin(last);
  for (const place of [25_000, 40, 49_000, 12_345]) {
    await log.ensure(place, place + 30);
    expect(log.get(place)?.place).toBe(place);
    expect(log.get(place + 30)?.place).toBe(place + 30);
  }
  expect(fetches()).toBeLessThan(30);
});

test('a run that stood still for long is read all the same', async () => {
  const { log, last } = journal(5_000, (place) => (place < 2_500 ? place : place + 10_000_000));
  await log.begin(last);
  await log.ensure(2_400, 2_600);
  for (let place = 2_400; place <= 2_600; place += 1) expect(log.get(place)?.place).toBe(place);
});

test('memory stays bounded', async () => {
  const { log, last } = journal(60_000, (place) => place);
  await log.begin(last);
  await log.ensure(1, 60_000);
  const kept = Array.from({ length: 60_000 }, (_, at) => log.get(at + 1)).filter(Boolean).length;
  expect(kept).toBeLessThanOrEqual(20_000);
  expect(log.get(60_000)).toBeDefined();
});

test('what the feed brings makes it longer', async () => {
  const { log, last } = journal(10, (place) => place);
  await log.begin(last);
  log.add([{ place: 11, sequence: 40n, type: 'run.completed', time: '', data: {} }]);
  expect(log.total).toBe(11);
  expect(PAGE).toBeLessThanOrEqual(1000);
});

test('a filter takes types, steps and words', () => {
  const event = (type: string, data: object) => ({
    place: 1,
    sequence: 1n,
    type,
    time: '',
    data: { ...data },
  });
  const is = (text: string, one: Recorded) => filterOf(text)?.(one);
  const failed = event('step.failed', { step: 'each.2', failure: { message: 'No answer' } });
  expect(filterOf('  ')).toBeNull();
  expect(is('type:step.f', failed)).toBe(true);
  expect(is('type:run.*', failed)).toBe(false);
  expect(is('step:each', failed)).toBe(true);
  expect(is('step:eac', failed)).toBe(false);
  expect(is('failed answer', failed)).toBe(true);
  expect(is('type:step.* step:each.3', failed)).toBe(false);
});
