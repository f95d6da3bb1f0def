import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../src/protocols/canonical.ts";
import { argumentsSchema, objectAnswerSchema, withPlainRoot } from "../../src/protocols/schema-root.ts";

const tree: JsonObject = {
  $ref: "#/$defs/Tree",
  description: "a tree",
  $defs: { Tree: { type: "object", properties: { child: { $ref: "#/$defs/Tree" } } } },
};

describe("F4 the root of a schema", () => {
  it("is what a reference there names, with the definitions for the references inside", () => {
    expect(withPlainRoot(tree)).toEqual({
      type: "object",
      properties: { child: { $ref: "#/$defs/Tree" } },
      description: "a tree",
      $defs: tree["$defs"],
    });
  });

  it("is found over several references and names with slashes", () => {
    const definitions = { "a/b": { $ref: "#/definitions/c" }, c: { type: "object" } };
    expect(withPlainRoot({ $ref: "#/definitions/a~1b", definitions })).toEqual({ type: "object", definitions });
  });

  it.each<JsonObject>([
    { $ref: "#/$defs/nobody", $defs: {} },
    { $ref: "https://example.org/schema" },
    { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } },
    { $ref: "#/$defs/__proto__", $defs: {} },
  ])("stays as it is in %j", (schema) => {
    expect(withPlainRoot(schema)).toBe(schema);
  });

  it.each<[JsonObject, JsonObject]>([
    [{}, { type: "object", properties: {} }],
    [{ type: "object" }, { type: "object", properties: {} }],
    [{ properties: { a: {} } }, { type: "object", properties: { a: {} } }],
    [{ anyOf: [{ required: ["a"] }] }, { anyOf: [{ required: ["a"] }], type: "object", properties: {} }],
  ])("of arguments is an object with properties: %j", (schema, expected) => {
    expect(argumentsSchema(schema)).toEqual(expected);
  });
});

it("F4 says of every list, at any depth, what it holds", () => {
  const list = { type: "array" };
  const properties = { a: list, b: { anyOf: [list, { type: "array", prefixItems: [list] }] } };
  const full = { type: "array", items: {} };
  expect(argumentsSchema({ type: "object", properties })["properties"]).toEqual({
    a: full,
    b: { anyOf: [full, { type: "array", prefixItems: [full] }] },
  });
});

it.each<Json>(["array", "string", ["string", "null"]])(
  "refuses an answer that is to be of type %j, by its field",
  (type) => {
    expect(() => objectAnswerSchema({ type })).toThrow(
      expect.objectContaining({ code: "unsupported_feature", param: "format" }),
    );
  },
);

it("takes an object that may be null as one", () => {
  expect(objectAnswerSchema({ type: ["object", "null"], properties: { a: {} } })).toEqual({
    type: "object",
    properties: { a: {} },
  });
});
