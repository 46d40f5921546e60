import { expect, it } from 'vitest';
import { person, personFirst } from './people';

it('calls the one who sits at the machine the local user, everywhere', () => {
  expect(person('local')).toBe('the local user');
  expect(personFirst('local')).toBe('The local user');
});

it('calls others by the end of their token, or as the daemon does', () => {
  expect(person('token:01a22a17c4e2')).toBe('token …2a17c4e2');
  expect(personFirst('token:ci')).toBe('Token …ci');
  expect([person('ada'), personFirst('ada')]).toEqual(['ada', 'ada']);
  expect(person(null)).toBe('nobody in particular');
});
