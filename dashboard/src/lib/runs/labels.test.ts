import { expect, it } from 'vitest';
import { labelText, labelsOf } from './labels';

it('labels are read as they are typed', () => {
  expect(labelsOf(' team = platform, a=b=c ,')).toEqual({ ok: true, labels: { team: 'platform', a: 'b=c' } });
  expect(labelsOf('')).toEqual({ ok: true, labels: {} });
  expect(labelsOf('team')).toMatchObject({ ok: false });
  expect(labelsOf('ghostlight.x=1')).toMatchObject({ ok: false });
});

it('labels are written as the API takes them', () => {
  expect(labelText({ a: '1', b: '2' })).toBe('a=1,b=2');
});
