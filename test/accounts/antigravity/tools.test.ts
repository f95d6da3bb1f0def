import { describe, expect, test } from "vitest";
import type { JsonObject } from "waygate";
import { city, lab, tool } from "./_lab.ts";

const sonnet = "antigravity/claude-sonnet-4.6";
const hi = [{ role: "user", content: "Hi" }];
const flash = "antigravity/gemini-3-flash";

describe("tools", () => {
  test("google 14.46 are declared to Gemini 3 with cleaned schemas, a prefix and what they take", async () => {
    await using it = await lab();
    const schema = { ...city, $schema: "http://json-schema.org/draft-07/schema#", title: "T" };
    await it.ask({ model: flash, messages: hi, tools: [tool("get_weather", schema), tool("now")] });
    const { tools, systemInstruction, generationConfig } = it.google.generated[0]!.request;
    expect(tools).toEqual([
      {
        functionDeclarations: [
          {
            name: "gemini3_get_weather",
            description: "Does get_weather.\n\nPARAMETERS: city (string, REQUIRED), days (integer)",
            parameters: { ...city, additionalProperties: false },
          },
          {
            name: "gemini3_now",
            description: "Does now.",
            parameters: expect.objectContaining({ required: ["_confirm"] }),
          },
        ],
      },
    ]);
    expect(systemInstruction).toMatchObject({
      parts: [{ text: expect.stringContaining("schema") }, expect.anything()],
    });
    expect(generationConfig).toMatchObject({ temperature: 1 });
  });

  test("closed objects are sent no more once they have been refused", async () => {
    // The fake's schemas do not know the keyword.
    await using it = await lab();
    for (const _ of [1, 2]) {
      const { status } = await it.ask({ model: flash, messages: hi, tools: [tool("get_weather", city)] });
      expect(status).toBe(200);
    }
    const closed = it.google.generated.map(({ request }) => JSON.stringify(request).includes("additionalProperties"));
    expect(closed).toEqual([true, false, false]);
  });

  test("guards can be switched off, and the schemas are cleaned all the same", async () => {
    await using it = await lab({ options: { toolGuards: false } });
    await it.ask({ model: flash, messages: hi, tools: [tool("get_weather", { ...city, title: "T" })] });
    expect(it.sent["tools"]).toEqual([
      { functionDeclarations: [{ name: "get_weather", description: "Does get_weather.", parameters: city }] },
    ]);
    expect(it.sent["systemInstruction"]).toBeUndefined();
  });

  test("google 14.17 are declared to Claude with at least one parameter, and its calls are validated", async () => {
    await using it = await lab();
    const { status, text } = await it.ask({
      model: sonnet,
      messages: hi,
      tools: [tool("now"), tool("a.b", { type: "object", properties: { x: { type: "string", minLength: 2 } } })],
    });
    expect([status, text]).toEqual([200, expect.any(String)]);
    expect(it.sent["toolConfig"]).toEqual({ functionCallingConfig: { mode: "VALIDATED" } });
    const [{ functionDeclarations }] = it.sent["tools"] as unknown as [{ functionDeclarations: JsonObject[] }];
    expect(functionDeclarations).toEqual([
      { name: "now", description: "Does now.", parameters: expect.objectContaining({ required: ["_confirm"] }) },
      {
        name: "a_b",
        description: "Does a.b.",
        parameters: { type: "object", properties: { x: { type: "string", description: "minLength: 2" } } },
      },
    ]);
  });

  test("that Claude must or must not call are left to the client's word", async () => {
    await using it = await lab();
    for (const [choice, mode] of [
      ["required", "ANY"],
      ["none", "NONE"],
    ]) {
      await it.ask({ model: sonnet, messages: hi, tools: [tool("a", city)], tool_choice: choice });
      expect(it.sent["toolConfig"]).toMatchObject({ functionCallingConfig: { mode } });
    }
  });

  test("google 14.29 google 14.30 lists of types and enumerations of numbers pass", async () => {
    await using it = await lab({ options: { toolGuards: { strict: false } } });
    const schema = {
      type: "object",
      properties: {
        a: { type: ["string", "null"] },
        b: { enum: [1, 2] },
        c: { enum: [true] },
        d: { type: "string", exclusiveMinimum: 1, properties: {} },
      },
    };
    for (const model of [flash, sonnet]) {
      const { status, text } = await it.ask({ model, messages: hi, tools: [tool("a", schema)] });
      expect([status, text]).toEqual([200, expect.any(String)]);
    }
    expect(it.google.generated).toHaveLength(2);
  });

  test("google 14.49 in groups where one function is expected are declared one by one, with known words only", async () => {
    await using it = await lab({ options: { toolGuards: false } });
    const declarations: readonly JsonObject[] = [
      { tools: [{ name: "a", parameters: { type: "OBJECT", properties: { x: { type: "STRING" } } }, strict: true }] },
      { name: "b", behavior: "BLOCKING" },
      { name: "b" },
    ];
    const response = await it.generate("gemini-3-flash", {
      contents: [{ role: "user", parts: [{ text: "Hi" }] }],
      tools: [{ functionDeclarations: declarations }],
    });
    expect(response.status).toBe(200);
    expect(it.sent["tools"]).toEqual([
      {
        functionDeclarations: [
          { name: "a", parameters: { type: "object", properties: { x: { type: "string" } } } },
          { name: "b" },
        ],
      },
    ]);
  });

  test("in snake_case are read as well", async () => {
    await using it = await lab();
    await it.generate("gemini-3-flash", {
      contents: [{ role: "user", parts: [{ text: "Hi" }] }],
      tools: [{ function_declarations: [{ name: "a", parameters_json_schema: city }] }],
      system_instruction: { parts: [{ text: "Mine." }] },
      generation_config: { thinking_config: { thinking_level: "MINIMAL" } },
    });
    expect(JSON.stringify(it.sent)).toContain('"gemini3_a"');
    expect(it.sent["systemInstruction"]).toMatchObject({ parts: [{}, { text: "Mine." }, {}] });
    expect(it.sent["generationConfig"]).toMatchObject({ thinkingConfig: { thinkingLevel: "minimal" } });
  });

  test("a search goes alone, and to Gemini only", async () => {
    await using it = await lab();
    const search = { googleSearch: {} };
    const contents = [{ role: "user", parts: [{ text: "Hi" }] }];
    await it.generate("gemini-3-flash", { contents, tools: [search] });
    expect(it.google.generated[0]?.body["requestType"]).toBe("web_search");
    expect(it.sent["tools"]).toEqual([search]);
    await it.generate("gemini-3-flash", { contents, tools: [search, { functionDeclarations: [{ name: "a" }] }] });
    expect(JSON.stringify(it.sent["tools"])).not.toContain("googleSearch");
    const { outcome } = await it.proxy.recorded(2);
    expect(outcome.losses).toEqual([{ what: "the hosted tool googleSearch", where: "tools" }]);
    await it.generate("claude-sonnet-4-6", { contents, tools: [search] });
    expect(it.sent["tools"]).toBeUndefined();
  });
});
