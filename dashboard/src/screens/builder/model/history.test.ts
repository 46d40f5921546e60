import { expect, it } from 'vitest';
import { History, STEPS_MAX } from './history';

const at = (text: string, moved = {}) => ({ text, moved });
const NONE = {};

it('goes back and forth over text and places alike', () => {
  const history = new History({ text: 'a', moved: NONE });
  history.push({ text: 'b', moved: NONE }, 'adding', 1);
  const moved = { x: { x: 1, y: 2 } };
  history.push({ text: 'b', moved }, 'moving', 2);
  expect(history.undoes).toBe('moving');
  expect(history.undo()).toMatchObject({ text: 'b', moved: NONE });
  expect(history.undo()).toMatchObject({ text: 'a' });
  expect(history.undo()).toBeNull();
  expect(history.redoes).toBe('adding');
  expect(history.redo()).toMatchObject({ text: 'b' });
  expect(history.redo()).toMatchObject({ moved });
  expect(history.redo()).toBeNull();
});

it('takes what is typed in one go as one step', () => {
  const history = new History(at(''));
  'hello'.split('').forEach((_, n) => history.push(at('hello'.slice(0, n + 1)), 'typing', n * 100, 'typing'));
  history.push(at('hello w'), 'typing', 5000, 'typing');
  expect(history.undo()?.text).toBe('hello');
  expect(history.undo()?.text).toBe('');
});

it('begins a new step when something else came between', () => {
  const history = new History(at(''));
  history.push(at('a'), 'typing', 1, 'typing');
  history.push(at('b'), 'adding', 2);
  history.push(at('c'), 'typing', 3, 'typing');
  expect(history.undo()?.text).toBe('b');
});

it('forgets what was undone once something new is done', () => {
  const history = new History(at('a'));
  history.push(at('b'), 'x', 1);
  history.undo();
  history.push(at('c'), 'y', 2);
  expect(history.redo()).toBeNull();
  expect(history.undo()?.text).toBe('a');
});

it('keeps a hundred steps', () => {
  const history = new History(at('0'));
  for (let n = 1; n <= 150; n += 1) history.push(at(String(n)), 'x', n);
  let steps = 0;
  while (history.undo()) steps += 1;
  expect(steps).toBe(STEPS_MAX);
  expect(history.now.text).toBe('50');
});

it('takes one visit of a field as one step, however long it lasts', () => {
  const history = new History(at('a'));
  history.push(at('ab'), 'changing', 1, 'visit 1', Infinity);
  history.push(at('abc'), 'changing', 90_000, 'visit 1', Infinity);
  expect(history.before('visit 1')?.text).toBe('a');
  history.push(at('abcd'), 'changing', 90_001, 'visit 2', Infinity);
  expect(history.before('visit 1')).toBeNull();
  expect(history.undo()?.text).toBe('abc');
  expect(history.undo()?.text).toBe('a');
});

it('has nothing to undo when what was typed was taken away again', () => {
  const history = new History({ text: 'a', moved: NONE });
  history.push({ text: 'ab', moved: NONE }, 'typing', 1, 'typing');
  history.push({ text: 'a', moved: NONE }, 'typing', 2, 'typing');
  expect(history.undoes).toBeNull();
});
