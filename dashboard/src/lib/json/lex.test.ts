import { expect, test } from 'vitest';
import { membersOf, pretty, rawMember, rootOf, withMember } from './lex';

test('values stay as they were written', () => {
  const text = '{"id":12345678901234567890, "n": 1.0, "e":1e5,"input":{"b":[1, 2],"a":"\\u00e9\\n"}}';
  expect(rawMember(text, 'id')).toBe('12345678901234567890');
  expect(rawMember(text, 'n')).toBe('1.0');
  expect(rawMember(text, 'e')).toBe('1e5');
  expect(rawMember(text, 'input')).toBe('{"b":[1, 2],"a":"\\u00e9\\n"}');
  expect(rawMember(text, 'none')).toBeUndefined();
});

test('members come in their order, keys that look like numbers and doubled ones too', () => {
  const text = '{"2":1,"1":2,"2":3}';
  const root = rootOf(text);
  expect(root && membersOf(text, root).map((member) => member.key)).toEqual(['2', '1', '2']);
});

test('brackets and quotes in strings do not count', () => {
  const text = '[ "}]", "a\\"b", {"x":"{"} , null , true, -1 ]';
  const root = rootOf(text);
  expect(root && membersOf(text, root).map(({ value }) => text.slice(value.start, value.end))).toEqual([
    '"}]"',
    '"a\\"b"',
    '{"x":"{"}',
    'null',
    'true',
    '-1',
  ]);
});

test('what is no JSON is told as that', () => {
  expect(rootOf('')).toBeNull();
  expect(rootOf('hello')).toBeNull();
  expect(rootOf('{"a":1} x')).toBeNull();
  expect(rootOf('{"a":')).toBeNull();
});

test('pretty changes nothing but the room between', () => {
  const text = '{"a":[],"b":{ },"c":[1.0,"x , y"],"d":{"e":null}}';
  expect(pretty(text)).toBe(
    '{\n  "a": [],\n  "b": {},\n  "c": [\n    1.0,\n    "x , y"\n  ],\n  "d": {\n    "e": null\n  }\n}',
  );
  expect(JSON.stringify(JSON.parse(pretty(text)))).toBe(JSON.stringify(JSON.parse(text)));
});

test('a value is put in as it was written', () => {
  expect(withMember('{}', 'output', '{"id":12345678901234567890}')).toBe(
    '{"output":{"id":12345678901234567890}}',
  );
  expect(withMember('{"a":1}', 'b', '1.0')).toBe('{"a":1,"b":1.0}');
});
