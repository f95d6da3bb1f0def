import { describe, expect, it, test } from "vitest";
import type { Json, JsonObject } from "waygate";
import { confirmedTools } from "../../../plugins/code-assist/guards/confirm.ts";
import { describedTools, signatureOf } from "../../../plugins/code-assist/guards/described.ts";
import { renamedTools } from "../../../plugins/code-assist/guards/names.ts";
import { repairedArguments, repairedValue } from "../../../plugins/code-assist/guards/repair.ts";
import { strictTools } from "../../../plugins/code-assist/guards/strict.ts";
import { callRewriter, throughSteps } from "../../../plugins/code-assist/guards/tool-guard.ts";
import { allGuards, toolSteps } from "../../../plugins/code-assist/guards/tool-steps.ts";
import { hinted, instructed, steadied } from "../../../plugins/code-assist/guards/words.ts";

const weather: JsonObject = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
};

function requestWith(...declarations: readonly JsonObject[]): JsonObject {
  return {
    contents: [{ role: "user", parts: [{ text: "Hi" }] }],
    tools: [{ functionDeclarations: declarations }],
  };
}

function declared(request: JsonObject): readonly JsonObject[] {
  return (request["tools"] as readonly JsonObject[])[0]!["functionDeclarations"] as readonly JsonObject[];
}

describe("names of tools", () => {
  const request: JsonObject = {
    ...requestWith({ name: "get_weather", parameters: weather }),
    contents: [
      { role: "model", parts: [{ functionCall: { name: "get_weather", args: {} } }] },
      { role: "user", parts: [{ functionResponse: { name: "get_weather", response: {} } }] },
    ],
    toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["get_weather"] } },
  };

  test("get the prefix wherever they stand and lose it in the answer", () => {
    const { request: sent, call } = renamedTools(request, { prefix: "gemini3_" });
    expect(JSON.stringify(sent).match(/"(?:gemini3_)?get_weather"/g)).toEqual(Array(4).fill('"gemini3_get_weather"'));
    expect(call?.({ name: "gemini3_get_weather", args: { city: "Oslo" } })).toEqual({
      name: "get_weather",
      args: { city: "Oslo" },
    });
  });

  test("pass when the model forgets the prefix, and lose one that it made up", () => {
    const { call } = renamedTools(request, { prefix: "gemini3_" });
    const plain = { name: "get_weather", args: {} };
    expect(call?.(plain)).toBe(plain);
    expect(call?.({ name: "gemini3_other" })).toEqual({ name: "other" });
  });

  test("of a client that begin with the prefix come back whole", () => {
    const own = requestWith({ name: "gemini3_x" }, { name: "x" });
    const { request: sent, call } = renamedTools(own, { prefix: "gemini3_" });
    expect(declared(sent).map(({ name }) => name)).toEqual(["gemini3_gemini3_x", "gemini3_x"]);
    expect(call?.({ name: "gemini3_gemini3_x" })).toEqual({ name: "gemini3_x" });
  });

  test("of more than 64 characters are cut the same way each time and stay apart", () => {
    const long = (end: string): JsonObject => ({ name: `${"very_".repeat(12)}${end}` });
    const sent = (): unknown[] =>
      declared(renamedTools(requestWith(long("a"), long("b")), { prefix: "gemini3_" }).request).map(({ name }) => name);
    const names = sent() as string[];
    expect(names.map((name) => name.length)).toEqual([64, 64]);
    expect(new Set(names).size).toBe(2);
    expect(sent()).toEqual(names);
  });

  test("google 14.31 that begin with a digit or hold other characters are renamed and put back", () => {
    const { request: sent, call } = renamedTools(requestWith({ name: "2do/list it" }, { name: "_do_list_it" }), {});
    const [first, second] = declared(sent).map(({ name }) => String(name));
    expect(first).toMatch(/^[a-zA-Z_][\w.:-]{0,63}$/);
    expect(second).toBe("_do_list_it");
    expect(first).not.toBe(second);
    expect(call?.({ name: first! })).toEqual({ name: "2do/list it" });
  });

  test("may be given others by a table", () => {
    const { request: sent, call } = renamedTools(requestWith({ name: "batch" }), { renames: { batch: "multi_tool" } });
    expect(declared(sent)[0]).toEqual({ name: "multi_tool" });
    expect(call?.({ name: "multi_tool" })).toEqual({ name: "batch" });
  });
});

describe("the parameters in a description", () => {
  it.each<[string, JsonObject, string]>([
    ["types and what is required", weather, "city (string, REQUIRED), days (integer)"],
    [
      "enumerations",
      { properties: { mode: { type: "string", enum: ["r", "w"] } }, required: ["mode"] },
      "mode (string ENUM[r, w], REQUIRED)",
    ],
    [
      "lists of objects",
      {
        properties: {
          edits: {
            type: "array",
            items: {
              type: "object",
              properties: { old: { type: "string" }, all: { type: "boolean" } },
              required: ["old"],
            },
          },
        },
      },
      "edits (ARRAY_OF_OBJECTS[old: string REQUIRED, all: boolean])",
    ],
    ["lists", { properties: { names: { type: "array", items: { type: "string" } } } }, "names (array of string)"],
    [
      "objects, two levels deep",
      {
        properties: {
          a: {
            type: "object",
            properties: { b: { type: "object", properties: { c: { type: "object", properties: { d: {} } } } } },
          },
        },
      },
      "a (object{b: object{c}})",
    ],
    [
      "references",
      { properties: { mode: { $ref: "#/$defs/Mode" } }, $defs: { Mode: { enum: ["r"] } } },
      "mode (string ENUM[r])",
    ],
    [
      "alternatives",
      { properties: { x: { anyOf: [{ type: "string" }, { type: "integer" }] } } },
      "x (string | integer)",
    ],
    ["none", { type: "object", properties: {} }, ""],
    ["a reference to itself", { properties: { x: { $ref: "#" } } }, "x (object{x: object{x}})"],
    [
      "alternatives that go round in circles",
      { properties: { x: { anyOf: [{ $ref: "#/properties/x" }] } } },
      "x (any)",
    ],
  ])("%s", (_, schema, wanted) => {
    expect(signatureOf(schema)).toBe(wanted);
  });

  test("stand behind the client's words, in a template of the user's", () => {
    const request = requestWith({ name: "a", description: "Tells $& things.", parameters: weather }, { name: "b" });
    const { request: sent } = describedTools(request, "\nTAKES {params}!");
    expect(declared(sent)[0]?.["description"]).toBe("Tells $& things.\nTAKES city (string, REQUIRED), days (integer)!");
    expect(declared(sent)[1]).toEqual({ name: "b" });
  });
});

test("objects that list their properties are closed, and others stay as they are", () => {
  const open = { type: "object", properties: {}, additionalProperties: { type: "string" } };
  const schema: JsonObject = {
    type: "object",
    properties: {
      additionalProperties: { type: "string" },
      list: { type: "array", items: { type: "object", properties: { a: { type: "string" } } } },
      open,
      bare: { type: "object" },
    },
  };
  const [one] = declared(strictTools(requestWith({ name: "a", parametersJsonSchema: schema })).request);
  expect(one?.["parametersJsonSchema"]).toEqual({
    ...schema,
    additionalProperties: false,
    properties: {
      ...(schema["properties"] as JsonObject),
      list: {
        type: "array",
        items: { type: "object", properties: { a: { type: "string" } }, additionalProperties: false },
      },
    },
  });
});

describe("arguments that came as text", () => {
  const schema: JsonObject = {
    type: "object",
    properties: {
      list: {
        type: "array",
        items: { type: "object", properties: { tags: { type: "array" }, note: { type: "string" } } },
      },
      object: { type: ["object", "null"] },
      text: { type: "string" },
      either: { anyOf: [{ type: "string" }, { type: "array" }] },
      listed: { anyOf: [{ type: "array", items: { type: "array" } }, { type: "null" }] },
      anything: {},
      count: { type: "integer" },
      choice: { enum: ["[]"] },
    },
  };
  const repair = (args: JsonObject): Json => repairedValue(args, schema);

  it.each<[string, JsonObject, JsonObject]>([
    ["a list", { list: '[{"note":"[1]"}]' }, { list: [{ note: "[1]" }] }],
    ["a list within an object of a list", { list: [{ tags: "[1,2]" }] }, { list: [{ tags: [1, 2] }] }],
    ["an object", { object: '{"a":1}' }, { object: { a: 1 } }],
    ["written as text twice", { object: '"{\\"a\\":1}"' }, { object: { a: 1 } }],
    ["with line breaks that were escaped", { object: '{\\n  "a": 1\\n}' }, { object: { a: 1 } }],
    ["with quotes that were escaped", { object: '{\\"a\\": 1}' }, { object: { a: 1 } }],
    ["in alternatives without a text", { listed: '["[1]"]' }, { listed: [[1]] }],
  ])("are read: %s", (_, given, wanted) => {
    expect(repair(given)).toEqual(wanted);
  });

  it.each<[string, JsonObject]>([
    ["where a text is declared", { text: "[1,2]", list: [{ note: '{"a":1}' }] }],
    ["where a text may stand as well", { either: "[1]" }],
    ["where anything may stand", { anything: "{}" }],
    ["where values are listed", { choice: "[]" }],
    ["when they are no JSON", { list: "[1,", object: "a" }],
    ["when they are of another type", { list: '{"a":1}', object: "[1]" }],
    ["for numbers", { count: "1" }],
    ["of names that are not declared", { other: "[1]" }],
  ])("stay as they are %s", (_, given) => {
    expect(repair(given)).toBe(given);
  });

  test("belong to the tool that is called", () => {
    const { call } = repairedArguments(requestWith({ name: "a", parametersJsonSchema: schema }));
    expect(call?.({ name: "a", args: { list: "[]" } })).toEqual({ name: "a", args: { list: [] } });
    const other = { name: "b", args: { list: "[]" } };
    expect(call?.(other)).toBe(other);
  });
});

describe("functions without parameters", () => {
  test("get one, which is taken out when it stands alone", () => {
    const request = requestWith({ name: "a" }, { name: "b", parametersJsonSchema: { type: "object", properties: {} } });
    const { request: sent, call } = confirmedTools(request, "parameters");
    for (const one of declared(sent)) {
      expect(one["parameters"]).toMatchObject({ properties: { _confirm: { type: "string" } }, required: ["_confirm"] });
      expect(one["parametersJsonSchema"]).toBeUndefined();
    }
    expect(call?.({ name: "a", args: { _confirm: "yes" } })).toEqual({ name: "a", args: {} });
    const more = { name: "a", args: { _confirm: "yes", x: 1 } };
    expect(call?.(more)).toBe(more);
  });

  test("are left alone where there are none", () => {
    const request = requestWith({ name: "a", parameters: weather });
    expect(confirmedTools(request, "parameters")).toEqual({ request });
  });
});

test("words stand before and behind those of the client, which stay as they are", () => {
  const request: JsonObject = { systemInstruction: { role: "user", parts: [{ text: "Mine." }] } };
  const both = hinted(instructed(request, "First.").request, "Last.").request;
  expect(both["systemInstruction"]).toEqual({
    role: "user",
    parts: [{ text: "First." }, { text: "Mine." }, { text: "Last." }],
  });
  expect(instructed({ systemInstruction: "Mine." }, "First.").request["systemInstruction"]).toEqual({
    parts: [{ text: "First." }, { text: "Mine." }],
  });
});

test("the temperature is 1 unless the client has said", () => {
  expect(steadied({}).request).toEqual({ generationConfig: { temperature: 1 } });
  const own = { generationConfig: { temperature: 0 } };
  expect(steadied(own).request).toBe(own);
});

describe("all measures together", () => {
  const steps = toolSteps({ ...allGuards, key: "parametersJsonSchema" });

  test("leave a request without tools as it is", () => {
    const request: JsonObject = { contents: [{ role: "user", parts: [{ text: "Hi" }] }] };
    expect(throughSteps(steps, request)).toEqual({ request });
  });

  test("can be switched off one by one", () => {
    const request = requestWith({ name: "a", parametersJsonSchema: weather }, { name: "b" });
    const off = toolSteps({
      ...{ prefix: false, describe: false, strict: false, instruction: false, parallel: false },
      ...{ repair: false, confirm: false, temperature: false, key: "parameters" },
    });
    expect(throughSteps(off, request).request).toEqual(request);
    const { request: sent } = throughSteps(steps, request);
    expect(sent).toMatchObject({
      generationConfig: { temperature: 1 },
      systemInstruction: { parts: [{ text: expect.stringContaining("schema") }, { text: expect.any(String) }] },
      tools: [
        {
          functionDeclarations: [
            {
              name: "gemini3_a",
              description: expect.stringContaining("PARAMETERS: city"),
              parametersJsonSchema: { additionalProperties: false },
            },
            { name: "gemini3_b", parametersJsonSchema: { required: ["_confirm"] } },
          ],
        },
      ],
    });
  });

  test("find their way back through a call", () => {
    const request = requestWith(
      { name: "a", parametersJsonSchema: { type: "object", properties: { list: { type: "array" } } } },
      { name: "b" },
    );
    const { call } = throughSteps(steps, request);
    expect(call?.({ name: "gemini3_a", args: { list: "[1]" }, id: "1" })).toEqual({
      name: "a",
      args: { list: [1] },
      id: "1",
    });
    expect(call?.({ name: "gemini3_b", args: { _confirm: "yes" } })).toEqual({ name: "b", args: {} });
  });
});

test("an answer changes in its calls only, and not by a byte elsewhere", () => {
  const rewriter = callRewriter((call) => (call["name"] === "x" ? { ...call, name: "y" } : call));
  const around = (name: string): string =>
    `{ "candidates":[{"content":{"parts":[{"text":"\\u00e9 \\"functionCall\\""},{"functionCall":{"name":"${name}","args":{"n":12345678901234567890}}}]}}], "usageMetadata":{"n":1.0}}`;
  expect(rewriter.body?.(around("z"))).toBe(around("z"));
  const data = around("x");
  const changed = rewriter.message({ data }) as { data: string };
  expect(changed.data).toContain('"usageMetadata":{"n":1.0}');
  expect(changed.data).toContain('"name":"y"');
  const text = { data: '{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}' };
  expect(rewriter.message(text)).toBe(text);
});
