import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../src/protocols/canonical.ts";
import { plainSchema } from "../../../src/protocols/gemini/index.ts";

/** The property `p` of a cleaned schema. */
function property(schema: JsonObject): unknown {
  return (plainSchema({ type: "object", properties: { p: schema } })["properties"] as JsonObject)["p"];
}

describe("F4 a schema for models without alternatives and limits", () => {
  it.each<[string, JsonObject, JsonObject]>([
    [
      "limits are put into words",
      { type: "string", minLength: 1, pattern: "^a$", description: "A text" },
      { type: "string", description: "A text\npattern: ^a$\nminLength: 1" },
    ],
    ["so are formats", { type: "string", format: "date-time" }, { type: "string", description: "format: date-time" }],
    [
      "of a list or a text the list is kept",
      { anyOf: [{ type: "string" }, { type: "array", items: { type: "number", minimum: 1 } }] },
      {
        type: "array",
        items: { type: "number", description: "minimum: 1" },
        description: "Accepts: string | array",
      },
    ],
    [
      "of an object and others the object",
      { description: "D", oneOf: [{ type: "integer" }, { type: "object", properties: { a: { type: "string" } } }] },
      {
        type: "object",
        properties: { a: { type: "string" } },
        description: "D\nAccepts: integer | object",
      },
    ],
    ["several types", { type: ["integer", "string"] }, { type: "integer", description: "Accepts: integer | string" }],
  ])("%s", (_, given, wanted) => {
    expect(property(given)).toEqual(wanted);
  });

  it("what may be null may be left out, and properties keep names that are keywords", () => {
    const given: JsonObject = {
      type: "object",
      properties: { title: { type: ["string", "null"] }, default: { type: "string" }, pattern: { const: 2 } },
      required: ["title", "default", "gone"],
      additionalProperties: false,
    };
    expect(plainSchema(given)).toEqual({
      type: "object",
      properties: {
        title: { type: "string", nullable: true },
        default: { type: "string" },
        pattern: { type: "integer", description: "Allowed: 2" },
      },
      required: ["default"],
    });
  });
});
