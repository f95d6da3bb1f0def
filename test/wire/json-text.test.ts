import { describe, expect, it } from "vitest";
import { textBody } from "../../src/wire/body.ts";
import {
  deeperThan,
  readField,
  removeField,
  setField,
  withEachField,
  withField,
  withoutField,
  withRenamedField,
} from "../../src/wire/json-text.ts";

const odd = '{ "z":1,"10":2, "n":12345678901234567890,"f":1.0,"model" : "a\\"}{" ,"u":"\\ud83d", "e":1E+2 }';

describe("setField", () => {
  it("changes the field and no other byte", () => {
    expect(setField(odd, ["model"], '"b"')).toBe(odd.replace('"a\\"}{"', '"b"'));
  });

  it("finds a key that is written with escapes", () => {
    expect(setField('{"mod\\u0065l":"a"}', ["model"], '"b"')).toBe('{"mod\\u0065l":"b"}');
  });

  it("sets every occurrence of a key that occurs twice", () => {
    expect(setField('{"model":"a","x":{"model":0},"model":[1]}', ["model"], '"b"')).toBe(
      '{"model":"b","x":{"model":0},"model":"b"}',
    );
  });

  it.each([
    ["{}", '{"a":1}'],
    [" { } ", ' {"a":1 } '],
    ['{"b":[]}', '{"b":[],"a":1}'],
    ['{"b":-1 }', '{"b":-1,"a":1 }'],
    ['{"a":{"b":"}"},"c":null}', '{"a":1,"c":null}'],
    ['{"a" : false\n}', '{"a" : 1\n}'],
    ['{"a":[{"a":2},"]"],"aa":3}', '{"a":1,"aa":3}'],
  ])("puts a field into %s", (text, expected) => {
    expect(setField(text, ["a"], "1")).toBe(expected);
  });

  it.each([
    ['{"o":{"x":1.0}}', '{"o":{"x":1.0,"y":true}}'],
    ['{"o":{"y":false,"x":1}}', '{"o":{"y":true,"x":1}}'],
    ['{"o":null}', '{"o":{"y":true}}'],
    ['{"p":1}', '{"p":1,"o":{"y":true}}'],
    ['{"o":{},"o":{"y":0}}', '{"o":{"y":true},"o":{"y":true}}'],
  ])("reaches into an object of %s", (text, expected) => {
    expect(setField(text, ["o", "y"], "true")).toBe(expected);
  });

  it("is not misled by strings that end in backslashes", () => {
    expect(setField('{"p":"C:\\\\","a":"\\\\\\"","b":"\\\\"}', ["b"], "0")).toBe('{"p":"C:\\\\","a":"\\\\\\"","b":0}');
  });
});

describe("removeField", () => {
  it.each([
    ['{"a":1,"b":2,"c":3}', '{"b":2,"c":3}'],
    ['{"b":2,"a":1,"c":3}', '{"b":2,"c":3}'],
    ['{"b":2, "a":1}', '{"b":2}'],
    ['{"a":1}', "{}"],
    ['{ "a":1 , "a":2 }', "{  }"],
    ['{"a":1,"a":2,"b":3,"a":4,"a":5}', '{"b":3}'],
    ['{"b":{"a":1}}', '{"b":{"a":1}}'],
  ])("takes the field out of %s", (text, expected) => {
    const result = removeField(text, ["a"]);
    expect(result).toBe(expected);
    expect(JSON.parse(result)).not.toHaveProperty("a");
  });

  it("reaches into objects and leaves others alone", () => {
    expect(removeField('{"o":{"a":1,"b":2},"a":3}', ["o", "a"])).toBe('{"o":{"b":2},"a":3}');
    expect(removeField('{"o":[1]}', ["o", "a"])).toBe('{"o":[1]}');
  });
});

describe("readField", () => {
  it("gives the raw text, of the last occurrence", () => {
    expect(readField(odd, ["n"])).toBe("12345678901234567890");
    expect(readField('{"a":1,"a":{"b": [1, "]"] }}', ["a", "b"])).toBe('[1, "]"]');
    expect(readField('{"a":1}', ["b"])).toBeUndefined();
    expect(readField('{"a":1}', ["a", "b"])).toBeUndefined();
  });
});

describe("deeperThan", () => {
  it.each([
    ['[[["x"]]]', 3, false],
    ['[[["x"]]]', 2, true],
    ['{"a":"[[[[","b":[{}]}', 3, false],
    ['{"a":"\\"[[","b":[{}]}', 2, true],
    ['["unclosed [[[[', 1, false],
  ])("counts the nesting of %s against %d", (text, limit, deeper) => {
    expect(deeperThan(text, limit)).toBe(deeper);
  });

  it("stands nesting that would exhaust a recursive reader", () => {
    expect(deeperThan("[".repeat(1_000_000), 512)).toBe(true);
  });
});

describe("withField and withoutField", () => {
  it("give a body whose text and value agree", () => {
    const body = textBody('{"model":"a","big":12345678901234567890,"stream_options":{"x":1}}');
    const changed = withField(withField(body, ["model"], "b"), ["stream_options", "include_usage"], true);
    expect(changed.text).toBe('{"model":"b","big":12345678901234567890,"stream_options":{"x":1,"include_usage":true}}');
    expect(changed.json).toEqual(JSON.parse(changed.text));
    const removed = withoutField(withoutField(changed, ["stream_options", "x"]), ["model"]);
    expect(removed.text).toBe('{"big":12345678901234567890,"stream_options":{"include_usage":true}}');
    expect(removed.json).toEqual(JSON.parse(removed.text));
    expect(body.json["model"]).toBe("a");
  });

  it("treats keys of the object prototype as keys", () => {
    const body = withField(textBody("{}"), ["__proto__", "constructor"], 1);
    expect(body.text).toBe('{"__proto__":{"constructor":1}}');
    expect(JSON.stringify(body.json)).toBe(body.text);
  });
});

const items =
  '{ "m":[ {"a":1.0, "x":[12345678901234567890]} ,{"x":{}},"x", [ {"x":1} ], {"x":"]","b":"\\"x\\"","x":2} ],"x":3}';

describe("a path with *", () => {
  it("takes a field out of every item and leaves every other byte", () => {
    const body = withoutField(textBody(items), ["m", "*", "x"]);
    expect(body.text).toBe('{ "m":[ {"a":1.0} ,{},"x", [ {"x":1} ], {"b":"\\"x\\""} ],"x":3}');
    expect(body.json).toEqual(JSON.parse(body.text));
  });

  it("leads through lists of lists", () => {
    const body = withoutField(textBody('{"m":[{"t":[{"id":1,"f":2},{"f":3}]},{"t":null},{}]}'), [
      "m",
      "*",
      "t",
      "*",
      "f",
    ]);
    expect(body.text).toBe('{"m":[{"t":[{"id":1},{}]},{"t":null},{}]}');
    expect(body.json).toEqual(JSON.parse(body.text));
  });

  it.each(['{"m":{"x":1}}', '{"m":[]}', '{"m":"x"}', '{"x":[{"m":1}]}', "{}"])("finds nothing in %s", (text) => {
    const body = withoutField(textBody(text), ["m", "*", "x"]);
    expect(body.text).toBe(text);
    expect(body.json).toEqual(JSON.parse(text));
  });

  it("means a key of that name in an object", () => {
    expect(removeField('{"*":{"x":1},"m":[{"x":1}]}', ["*", "x"])).toBe('{"*":{},"m":[{"x":1}]}');
  });

  it("gives the very body back when no key can be there, without reading it", () => {
    const body = textBody("not JSON at all");
    expect(withoutField(body, ["m", "*", "x"])).toBe(body);
    expect(withRenamedField(body, ["m", "*", "x"], "y")).toBe(body);
    expect(withEachField(body, ["m", "*", "x"], () => "1")).toBe(body);
  });

  it("finds keys that are written with escapes", () => {
    expect(withoutField(textBody('{"m":[{"\\u0078":1,"y":2}]}'), ["m", "*", "x"]).text).toBe('{"m":[{"y":2}]}');
  });
});

describe("withRenamedField", () => {
  it.each([
    ['{"b":1,"a" : 1.0,"c":2}', '{"b":1,"z" : 1.0,"c":2}'],
    ['{"a":1,"z":2}', '{"z":2}'],
    ['{"b":{"a":1}}', '{"b":{"a":1}}'],
    ['{"a":1,"a":2}', '{"z":1,"z":2}'],
  ])("names a field of %s anew", (text, expected) => {
    const body = withRenamedField(textBody(text), ["a"], "z");
    expect(body.text).toBe(expected);
    expect(body.json).toEqual(JSON.parse(expected));
  });

  it("does so in every item", () => {
    const body = withRenamedField(textBody('{"m":[{"a":[1.0]},{"z":1,"a":2},3],"a":4}'), ["m", "*", "a"], "z");
    expect(body.text).toBe('{"m":[{"z":[1.0]},{"z":1},3],"a":4}');
    expect(body.json).toEqual(JSON.parse(body.text));
  });
});

describe("withEachField", () => {
  it("replaces the raw text of every value", () => {
    const body = withEachField(textBody(items), ["m", "*", "x"], (json) => (json === "2" ? json : `[${json.length}]`));
    expect(body.text).toBe(
      '{ "m":[ {"a":1.0, "x":[22]} ,{"x":[2]},"x", [ {"x":1} ], {"x":[3],"b":"\\"x\\"","x":2} ],"x":3}',
    );
    expect(body.json).toEqual(JSON.parse(body.text));
  });

  it("takes items themselves, and gives the very body back when nothing changes", () => {
    const body = textBody('{"m":[ 1, {"a":2} ]}');
    expect(withEachField(body, ["m", "*"], (json) => `0,${json}`).text).toBe('{"m":[ 0,1, 0,{"a":2} ]}');
    expect(withEachField(body, ["m", "*"], (json) => json)).toBe(body);
  });
});
