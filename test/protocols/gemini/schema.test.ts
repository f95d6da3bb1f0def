import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/protocols/canonical.ts";
import { jsonSchemaOf } from "../../../src/protocols/gemini/json-schema.ts";
import { openApiSchema } from "../../../src/protocols/gemini/schema.ts";

/** The property `p` of a cleaned schema. */
function property(schema: JsonObject, more: JsonObject = {}): unknown {
  return (openApiSchema({ type: "object", properties: { p: schema }, ...more })["properties"] as JsonObject)["p"];
}

describe("F4 a schema for Gemini", () => {
  it.each<[string, JsonObject, JsonObject]>([
    ["const becomes a list of one", { const: "x" }, { type: "string", enum: ["x"] }],
    ["a number that is constant is put into words", { const: 1 }, { type: "integer", description: "Allowed: 1" }],
    [
      "a list of numbers is put into words",
      { type: "integer", enum: [1, 2], description: "L" },
      { type: "integer", description: "L\nAllowed: 1, 2" },
    ],
    ["a list of booleans too", { type: "boolean", enum: [true] }, { type: "boolean", description: "Allowed: true" }],
    [
      "texts in a list must not be empty",
      { enum: ["", "a", null, "a"] },
      { type: "string", enum: ["a"], nullable: true },
    ],
    ["mixed values become texts", { enum: ["a", 1] }, { type: "string", enum: ["a", "1"] }],
    [
      "exclusiveMinimum of a whole number",
      { type: "integer", exclusiveMinimum: 0, exclusiveMaximum: 9 },
      { type: "integer", minimum: 1, maximum: 8 },
    ],
    [
      "exclusiveMinimum of another",
      { type: "number", exclusiveMinimum: 0, multipleOf: 0.5 },
      { type: "number", description: "exclusiveMinimum: 0\nmultipleOf: 0.5" },
    ],
    [
      "formats it does not know",
      { type: "string", format: "uri", description: "A link" },
      { type: "string", description: "A link\nFormat: uri" },
    ],
    ["formats it knows", { type: "string", format: "date-time" }, { type: "string", format: "date-time" }],
    [
      "formats of another type",
      { type: "integer", format: "uint8" },
      { type: "integer", description: "Format: uint8" },
    ],
    ["a type or null", { type: ["string", "null"] }, { type: "string", nullable: true }],
    ["null alone", { type: "null" }, { type: "string", nullable: true }],
    [
      "a list or null",
      { type: ["array", "null"], items: { type: "number" } },
      { type: "array", items: { type: "number" }, nullable: true },
    ],
    [
      "several types",
      { type: ["integer", "string", "null"], minimum: 1, description: "D" },
      { description: "D", nullable: true, anyOf: [{ type: "integer", minimum: 1 }, { type: "string" }] },
    ],
    ["a list without items", { type: "array" }, { type: "array", items: { type: "string" } }],
    [
      "a list of a fixed shape",
      { prefixItems: [{ type: "number" }, {}] },
      { type: "array", items: { type: "number" } },
    ],
    [
      "items as a list",
      { type: "array", items: [{ const: "a" }] },
      { type: "array", items: { type: "string", enum: ["a"] } },
    ],
    ["no type", {}, { type: "string" }],
    [
      "limits it knows",
      { type: "string", pattern: "^a", minLength: 1, maxLength: 2 },
      { type: "string", pattern: "^a", minLength: 1, maxLength: 2 },
    ],
    [
      "what only other tools read",
      { type: "string", title: "T", default: "d", examples: ["e"], $comment: "c", "x-order": 1, readOnly: true },
      { type: "string" },
    ],
    [
      "alternatives",
      { anyOf: [{ type: "string" }, { type: "array", items: { const: "a" } }] },
      { anyOf: [{ type: "string" }, { type: "array", items: { type: "string", enum: ["a"] } }] },
    ],
    [
      "alternatives with null",
      { description: "D", oneOf: [{ type: "string" }, { type: "number" }, { type: "null" }] },
      { description: "D", nullable: true, anyOf: [{ type: "string" }, { type: "number" }] },
    ],
    [
      "one alternative and null",
      { anyOf: [{ type: "string", description: "inner" }, { type: "null" }] },
      { type: "string", description: "inner", nullable: true },
    ],
    [
      "alternatives that are constants",
      { oneOf: [{ const: "a", title: "A" }, { enum: ["b", "c"] }] },
      { type: "string", enum: ["a", "b", "c"] },
    ],
    [
      "allOf",
      {
        allOf: [
          { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
          { properties: { b: { const: "x" } } },
        ],
      },
      { type: "object", properties: { a: { type: "string" }, b: { type: "string", enum: ["x"] } }, required: ["a"] },
    ],
    [
      "alternatives of what is required",
      { type: "object", properties: { a: {}, b: {} }, anyOf: [{ required: ["a"] }, { required: ["b"] }] },
      { type: "object", properties: { a: { type: "string" }, b: { type: "string" } } },
    ],
    [
      "a map",
      { type: "object", additionalProperties: { type: "number" } },
      { type: "object", description: 'Values of other names: {"type":"number"}' },
    ],
    [
      "a closed object",
      { type: "object", properties: { a: { type: "string" } }, additionalProperties: false },
      { type: "object", properties: { a: { type: "string" } } },
    ],
    [
      "required names nobody defined",
      { properties: { a: {} }, required: ["a", "ghost"] },
      { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
    ],
    [
      "required written in the property",
      { properties: { a: { type: "string", required: true } } },
      { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
    ],
    ["required on what is no object", { type: "string", required: ["a"], properties: {} }, { type: "string" }],
  ])("has a form for %s", (_, schema, expected) => {
    expect(property(schema)).toEqual(expected);
  });

  it("keeps properties that are named like keywords", () => {
    const names = [
      "type",
      "properties",
      "title",
      "default",
      "enum",
      "items",
      "format",
      "const",
      "$ref",
      "anyOf",
      "additionalProperties",
      "required",
      "__proto__",
    ];
    const properties = Object.fromEntries(
      names.map((name) => [name, { type: "string", title: "gone", description: name }]),
    );
    const clean = openApiSchema({ type: "object", properties, required: names });
    expect(Object.entries(clean["properties"] as JsonObject)).toEqual(
      names.map((name) => [name, { type: "string", description: name }]),
    );
    expect(clean["required"]).toEqual(names);
  });

  it("writes references out, from either place", () => {
    const more = {
      $defs: { "a/b": { enum: ["r", "w"], title: "Mode" } },
      definitions: { n: { $ref: "#/$defs/a~1b" } },
    };
    expect(property({ $ref: "#/$defs/a~1b", description: "D" }, more)).toEqual({
      type: "string",
      enum: ["r", "w"],
      description: "D",
    });
    expect(property({ $ref: "#/definitions/n" }, more)).toEqual({ type: "string", enum: ["r", "w"] });
    expect(property({ anyOf: [{ $ref: "#/definitions/n" }, { type: "null" }] }, more)).toEqual({
      type: "string",
      enum: ["r", "w"],
      nullable: true,
    });
  });

  it("ends references that come back to themselves, and those to elsewhere", () => {
    const node: JsonObject = {
      type: "object",
      properties: {
        next: { anyOf: [{ $ref: "#/$defs/node" }, { type: "null" }] },
        all: { type: "array", items: { $ref: "#/$defs/node" } },
      },
    };
    const remark = { type: "object", description: "See: node" };
    expect(property({ $ref: "#/$defs/node" }, { $defs: { node } })).toEqual({
      type: "object",
      properties: { next: { ...remark, nullable: true }, all: { type: "array", items: remark } },
    });
    expect(property({ $ref: "#" })).toEqual({ type: "object", description: "See: #" });
    expect(property({ $ref: "https://x.test/schema.json" })).toEqual({
      type: "object",
      description: "See: schema.json",
    });
    expect(property({ $ref: "#/$defs/missing" })).toEqual({ type: "object", description: "See: missing" });
  });

  it("ends references that multiply, and schemas without a bottom", () => {
    const level = (n: number): [string, JsonObject] => [
      `l${n}`,
      { type: "object", properties: { a: { $ref: `#/$defs/l${n + 1}` }, b: { $ref: `#/$defs/l${n + 1}` } } },
    ];
    const $defs = Object.fromEntries(Array.from({ length: 30 }, (_, n) => level(n)));
    expect(JSON.stringify(openApiSchema({ $ref: "#/$defs/l0", $defs })).length).toBeLessThan(100_000);
    let deep: JsonObject = { type: "string" };
    for (let n = 0; n < 400; n += 1) deep = { type: "array", items: deep };
    expect(JSON.stringify(property(deep)).length).toBeLessThan(5000);
  });

  it("is an object at the root", () => {
    expect(openApiSchema({})).toEqual({ type: "object" });
    expect(
      openApiSchema({ anyOf: [{ properties: { a: { type: "string" } } }, { properties: { b: { type: "number" } } }] }),
    ).toEqual({
      type: "object",
      properties: { a: { type: "string" }, b: { type: "number" } },
    });
    expect(openApiSchema({ type: "array", items: { type: "string" } }, false)).toEqual({
      type: "array",
      items: { type: "string" },
    });
  });
});

describe("a schema of Gemini as JSON Schema", () => {
  it("has lower-case types, null as a type and counts as numbers", () => {
    const schema = {
      type: "OBJECT",
      properties: {
        type: { type: "STRING", nullable: true, enum: ["a"], format: "enum" },
        n: { type: "ARRAY", minItems: "1", items: { type: "INTEGER", format: "int32", example: 3 } },
        any: { anyOf: [{ type: "NUMBER" }, { type: "BOOLEAN" }], nullable: true },
      },
      propertyOrdering: ["n", "type"],
      required: ["n"],
    };
    expect(jsonSchemaOf(schema)).toEqual({
      type: "object",
      properties: {
        type: { type: ["string", "null"], enum: ["a", null] },
        n: { type: "array", minItems: 1, items: { type: "integer", format: "int32", examples: [3] } },
        any: { anyOf: [{ type: "number" }, { type: "boolean" }, { type: "null" }] },
      },
      required: ["n"],
    });
  });
});
