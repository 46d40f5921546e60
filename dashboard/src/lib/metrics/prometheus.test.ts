import { describe, expect, it } from 'vitest';
import { between, buckets, by, parse, quantile, rise, value } from './prometheus';

const page = parse(`# HELP ghostlight_runs Runs by status.
# TYPE ghostlight_runs gauge
ghostlight_runs{status="running"} 3
ghostlight_runs{status="failed"} 2
# TYPE ghostlight_build_info gauge
ghostlight_build_info{version="0.1.0"} 1
process_cpu_seconds_total 12.5
http_seconds_bucket{route="/a",status="200",le="0.1"} 10
http_seconds_bucket{route="/a",status="200",le="1"} 18
http_seconds_bucket{route="/a",status="200",le="+Inf"} 20
http_seconds_bucket{route="/b",status="200",le="0.1"} 0
http_seconds_bucket{route="/b",status="200",le="1"} 0
http_seconds_bucket{route="/b",status="200",le="+Inf"} 4
http_seconds_count{route="/a",status="200"} 20
`);

describe('the text of Prometheus', () => {
  it('is read into samples with their labels', () => {
    expect(page.get('ghostlight_build_info')).toEqual([{ labels: { version: '0.1.0' }, value: 1 }]);
    expect(value(page, 'process_cpu_seconds_total')).toBe(12.5);
  });

  it('may be summed, filtered and taken apart by a label', () => {
    expect(value(page, 'ghostlight_runs')).toBe(5);
    expect(value(page, 'ghostlight_runs', { status: 'failed' })).toBe(2);
    expect(value(page, 'ghostlight_runs', { status: 'paused' })).toBeUndefined();
    expect([...by(page, 'ghostlight_runs', 'status')]).toEqual([
      ['running', 3],
      ['failed', 2],
    ]);
  });

  it('has escapes, commas and braces within labels, and times behind values', () => {
    const odd = parse(String.raw`m{a="x\"y\\z\n",b="}, {",c=""} 1e3 1700000000000` + '\n');
    expect(odd.get('m')).toEqual([{ labels: { a: 'x"y\\z\n', b: '}, {', c: '' }, value: 1000 }]);
  });

  it('has values that are no finite numbers', () => {
    const odd = parse('a +Inf\nb -Inf\nc NaN\n');
    expect(['a', 'b', 'c'].map((name) => value(odd, name))).toEqual([Infinity, -Infinity, NaN]);
  });

  it('is read on behind lines that are none of it', () => {
    const odd = parse('\nnonsense\nx y z\n{a="b"} 1\n7up 1\r\nok 2\n');
    expect([...odd.keys()]).toEqual(['ok']);
    expect(parse('ok 2\r\n').get('ok')).toEqual([{ labels: {}, value: 2 }]);
  });
});

describe('a histogram', () => {
  it('has the buckets of all its series together, in order', () => {
    expect(buckets(page, 'http_seconds')).toEqual([
      [0.1, 10],
      [1, 18],
      [Infinity, 24],
    ]);
    expect(buckets(page, 'http_seconds', { route: '/a' }).at(-1)).toEqual([Infinity, 20]);
  });

  it('gives quantiles with even spread within a bucket', () => {
    const a = buckets(page, 'http_seconds', { route: '/a' });
    expect(quantile(0.5, a)).toBeCloseTo(0.1);
    expect(quantile(0.25, a)).toBeCloseTo(0.05);
    expect(quantile(0.7, a)).toBeCloseTo(0.55);
    // Beyond the last bound nothing is known but that bound.
    expect(quantile(0.99, a)).toBe(1);
    expect(quantile(0, a)).toBe(0);
  });

  it('without observations has none', () => {
    expect(quantile(0.5, [])).toBeUndefined();
    expect(
      quantile(0.5, [
        [1, 0],
        [Infinity, 0],
      ]),
    ).toBeUndefined();
  });

  it('of a time is the difference of two readings, also over a restart', () => {
    const before: [number, number][] = [
      [1, 5],
      [Infinity, 6],
    ];
    const after: [number, number][] = [
      [1, 9],
      [Infinity, 12],
    ];
    expect(between(before, after)).toEqual([
      [1, 4],
      [Infinity, 6],
    ]);
    expect(between(after, before)).toEqual(before);
    expect(between([], after)).toEqual(after);
  });
});

describe('a counter', () => {
  it('rises, or was begun anew', () => {
    expect([rise(3, 10), rise(10, 4), rise(undefined, 4), rise(4, undefined)]).toEqual([
      7,
      4,
      undefined,
      undefined,
    ]);
  });
});
