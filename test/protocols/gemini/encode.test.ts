import { describe, expect, it } from "vitest";
import type { GenerateRequest, JsonObject, Message, Part } from "../../../src/protocols/canonical.ts";
import { gemini } from "../../../src/protocols/gemini/index.ts";

interface Sent {
  readonly json: JsonObject;
  readonly losses: string[];
}

/** What another protocol's request becomes. */
function encoded(messages: readonly Message[], more: Partial<GenerateRequest> = {}): Sent {
  const losses: string[] = [];
  const request = { model: "gemini-2.5-flash", stream: false, messages, ...more };
  const body = gemini.encodeRequest(request, (loss) => losses.push(loss.what));
  expect(JSON.parse(body.text)).toEqual(body.json);
  return { json: body.json, losses };
}

const text = (value: string): Part => ({ type: "text", text: value });
const user = (...parts: Part[]): Message => ({ role: "user", parts });
const assistant = (...parts: Part[]): Message => ({ role: "assistant", parts });
const system = (value: string): Message => ({ role: "system", parts: [text(value)] });
const call = (id: string, name: string, input = "{}"): Part => ({ type: "tool-call", id, name, input });
const result = (id: string, ...content: Part[]): Part => ({ type: "tool-result", id, content });
const turn = (role: string, ...parts: JsonObject[]): JsonObject => ({ role, parts });
const answer = (id: string, name: string, response: JsonObject): JsonObject => ({
  functionResponse: { id, name, response },
});
const called = (id: string, name: string, args: JsonObject): JsonObject => ({ functionCall: { id, name, args } });

describe("messages of other protocols", () => {
  it("F6 puts the results of one turn together, in the order of its calls, and words behind them", () => {
    const { json, losses } = encoded([
      user(text("both")),
      assistant(text("I look."), call("a", "get", '{"n":1}'), call("b", "list", "")),
      user(result("b", text("two")), text("and then?")),
      user(result("a", text("one"))),
      user(text("well?")),
    ]);
    expect(json["contents"]).toEqual([
      turn("user", { text: "both" }),
      turn("model", { text: "I look." }, called("a", "get", { n: 1 }), called("b", "list", {})),
      turn("user", answer("a", "get", { output: "one" }), answer("b", "list", { output: "two" })),
      turn("user", { text: "and then?" }, { text: "well?" }),
    ]);
    expect(losses).toEqual([]);
  });

  it("F6 gives a call without a result one, and makes a result without a call text (report 41)", () => {
    const { json } = encoded([user(text("go")), assistant(call("a", "f")), user(result("zz", text("stray")))]);
    expect(json["contents"]).toEqual([
      turn("user", { text: "go" }),
      turn("model", called("a", "f", {})),
      turn("user", { functionResponse: { id: "a", name: "f", response: { output: "No result." } } }),
      turn("user", { text: "stray" }),
    ]);
  });

  it("F6 merges neighbours of a role, drops empty texts, and begins and ends with the user", () => {
    const { json } = encoded([assistant(text("hi")), user(text("")), assistant(text("again"), text(""))]);
    expect(json["contents"]).toEqual([
      turn("user", { text: "." }),
      turn("model", { text: "hi" }, { text: "again" }),
      turn("user", { text: "Please continue." }),
    ]);
  });

  it("F7 takes leading system messages as the instruction and later ones as the user's", () => {
    const { json } = encoded([
      system("one"),
      system("two"),
      user(text("a")),
      assistant(text("b")),
      system("late"),
      user(text("c")),
    ]);
    expect(json["systemInstruction"]).toEqual({ parts: [{ text: "one" }, { text: "two" }] });
    expect(json["contents"]).toEqual([
      turn("user", { text: "a" }),
      turn("model", { text: "b" }),
      turn("user", { text: "late" }, { text: "c" }),
    ]);
  });

  it("F7 asks the system's words as a question when there are no others", () => {
    expect(encoded([system("alone")]).json).toEqual({ contents: [turn("user", { text: "alone" })] });
    expect(encoded([user(text(""))]).json).toEqual({ contents: [turn("user", { text: "." })] });
  });

  it("says that a tool has failed", () => {
    const failed: Part = { type: "tool-result", id: "a", isError: true, content: [text("no"), text("way")] };
    const { json } = encoded([user(text("go")), assistant(call("a", "f")), user(failed)]);
    expect(json["contents"]).toContainEqual(turn("user", answer("a", "f", { error: "no\nway" })));
  });

  it("keeps arguments that are no object as text and says so", () => {
    const { json, losses } = encoded([user(text("go")), assistant(call("a", "f", '{"cut')), user(result("a"))]);
    expect(json["contents"]).toContainEqual(turn("model", called("a", "f", { _raw: '{"cut' })));
    expect(losses).toEqual(["that the arguments of f are no JSON object"]);
  });

  it("names every block it has no place for", () => {
    const alien: Part = { type: "opaque", protocol: "anthropic", value: { type: "search_result" } };
    const { losses } = encoded([
      user(text("a"), alien),
      assistant({ type: "reasoning", text: "hm" }, text("b")),
      user(text("c")),
    ]);
    expect(losses).toEqual(["a block of anthropic", "reasoning without a signature"]);
  });
});

describe("signatures", () => {
  const seal = { protocol: "gemini", provider: "gemini", value: "c2ln" };
  const go = user(text("go"));

  it("F1 stand where they were, byte for byte", () => {
    const { json } = encoded([
      go,
      assistant({ type: "reasoning", text: "hm", seal }, { type: "text", text: "t", seal }, {
        ...call("a", "f"),
        seal,
      } as Part),
      user(result("a")),
    ]);
    expect(json["contents"]).toContainEqual(
      turn(
        "model",
        { text: "hm", thought: true, thoughtSignature: "c2ln" },
        { text: "t", thoughtSignature: "c2ln" },
        { ...called("a", "f", {}), thoughtSignature: "c2ln" },
      ),
    );
  });

  it("F2 of reasoning right before an unsigned call is the call's: that is where other clients keep it", () => {
    const { json } = encoded(
      [
        go,
        assistant({ type: "reasoning", text: "", seal }, call("a", "f"), call("b", "f")),
        user(result("a"), result("b")),
      ],
      { model: "gemini-3-pro-preview" },
    );
    expect(json["contents"]).toContainEqual(
      turn("model", { ...called("a", "f", {}), thoughtSignature: "c2ln" }, called("b", "f", {})),
    );
  });

  it("F2 that are lost are stood in for, for models that would refuse the call", () => {
    const messages = [go, assistant(call("a", "f"), call("b", "f")), user(result("a"), result("b"))];
    const parts = (model: string): unknown =>
      (encoded(messages, { model }).json["contents"] as unknown as JsonObject[])[1]?.["parts"];
    expect(parts("gemini-3-flash-preview")).toEqual([
      { ...called("a", "f", {}), thoughtSignature: "skip_thought_signature_validator" },
      called("b", "f", {}),
    ]);
    expect(parts("gemini-2.5-flash")).toEqual([called("a", "f", {}), called("b", "f", {})]);
  });
});

describe("F12 media", () => {
  const sent = (part: Part): unknown => {
    const { json } = encoded([user(part)]);
    return (json["contents"] as unknown as { parts: JsonObject[] }[])[0]?.parts[0];
  };

  it.each<[string, Part, JsonObject]>([
    [
      "data",
      { type: "media", mediaType: "image/png", source: { data: "AAAA" } },
      { inlineData: { mimeType: "image/png", data: "AAAA" } },
    ],
    [
      "a PDF",
      { type: "media", mediaType: "application/pdf", source: { data: "JVBE" } },
      { inlineData: { mimeType: "application/pdf", data: "JVBE" } },
    ],
    [
      "sound",
      { type: "media", mediaType: "audio/wav", source: { data: "UklG" } },
      { inlineData: { mimeType: "audio/wav", data: "UklG" } },
    ],
    [
      "an address with an ending",
      { type: "media", mediaType: "image/*", source: { url: "https://x.test/a.PNG?b=c" } },
      { fileData: { mimeType: "image/png", fileUri: "https://x.test/a.PNG?b=c" } },
    ],
    [
      "an address without one",
      { type: "media", mediaType: "image/*", source: { url: "https://x.test/a" } },
      { fileData: { mimeType: "image/jpeg", fileUri: "https://x.test/a" } },
    ],
    [
      "a document's address",
      { type: "media", mediaType: "*/*", source: { url: "https://x.test/a" } },
      { fileData: { mimeType: "application/pdf", fileUri: "https://x.test/a" } },
    ],
    [
      "a data URL in plain text",
      { type: "media", mediaType: "image/*", source: { url: "data:text/plain;charset=utf-8,a%20b" } },
      { inlineData: { mimeType: "text/plain", data: "YSBi" } },
    ],
  ])("by %s", (_, part, expected) => {
    expect(sent(part)).toEqual(expected);
  });

  it("by another provider's file id is refused, since the question would be another without it", () => {
    expect(() => sent({ type: "media", mediaType: "*/*", source: { fileId: "file-1" } })).toThrow("file_id");
  });

  it("in a tool's result stands within the response from Gemini 3 on, and behind it before", () => {
    const picture: Part = { type: "media", mediaType: "image/png", source: { data: "AAAA" } };
    const messages = [user(text("go")), assistant(call("a", "f")), user(result("a", text("see"), picture))];
    const inline = { inlineData: { mimeType: "image/png", data: "AAAA" } };
    expect(encoded(messages).json["contents"]).toEqual([
      turn("user", { text: "go" }),
      turn("model", called("a", "f", {})),
      turn("user", answer("a", "f", { output: "see" })),
      turn("user", inline),
    ]);
    expect((encoded(messages, { model: "gemini-3-flash" }).json["contents"] as unknown as JsonObject[])[2]).toEqual(
      turn("user", { functionResponse: { id: "a", name: "f", response: { output: "see" }, parts: [inline] } }),
    );
  });
});

describe("options of other protocols", () => {
  const hi = [user(text("hi"))];
  const config = (more: Partial<GenerateRequest>): unknown => encoded(hi, more).json["generationConfig"];

  it("F8 have their names here", () => {
    expect(
      config({
        maxTokens: 9,
        temperature: 0,
        topP: 0.5,
        topK: 3,
        seed: 2 ** 33 + 1,
        presencePenalty: 1,
        frequencyPenalty: -1,
        stop: ["a", ""],
      }),
    ).toEqual({
      maxOutputTokens: 9,
      temperature: 0,
      topP: 0.5,
      topK: 3,
      seed: 1,
      presencePenalty: 1,
      frequencyPenalty: -1,
      stopSequences: ["a"],
    });
  });

  it("F8 allows five stop sequences and says how many are left out", () => {
    const { json, losses } = encoded(hi, { stop: ["a", "b", "c", "d", "e", "f", "g"] });
    expect(json["generationConfig"]).toEqual({ stopSequences: ["a", "b", "c", "d", "e"] });
    expect(losses).toEqual(["2 of 7 stop sequences"]);
  });

  it("F8 asks for JSON, with a schema where there is one", () => {
    const schema = { $schema: "x", type: "object", properties: { a: { const: 1 } } };
    expect(config({ format: { type: "json" } })).toEqual({ responseMimeType: "application/json" });
    expect(config({ format: { type: "json", schema } })).toEqual({
      responseMimeType: "application/json",
      responseJsonSchema: { type: "object", properties: { a: { const: 1 } } },
    });
    expect(config({ format: { type: "json", schema }, model: "gemini-2.0-flash" })).toEqual({
      responseMimeType: "application/json",
      responseSchema: { type: "object", properties: { a: { type: "integer", description: "Allowed: 1" } } },
    });
  });

  it("asks for the format in words where functions exclude it", () => {
    const tools = [{ type: "function" as const, name: "f", schema: {} }];
    const { json, losses } = encoded(hi, { tools, format: { type: "json", schema: { type: "object" } } });
    expect(json["generationConfig"]).toBeUndefined();
    expect(JSON.stringify(json["systemInstruction"])).toContain('{\\"type\\":\\"object\\"}');
    expect(losses).toHaveLength(1);
    expect(
      encoded(hi, { tools, format: { type: "json" }, model: "gemini-3-flash" }).json["generationConfig"],
    ).toBeDefined();
  });

  it("refuses more than one answer, which no other protocol's stream can tell apart", () => {
    expect(() => encoded(hi, { choices: 2 })).toThrow("'n'");
  });

  it.each<[string, GenerateRequest["reasoning"], JsonObject | undefined]>([
    ["gemini-2.5-flash", { effort: "low" }, { includeThoughts: true, thinkingBudget: 1024 }],
    ["gemini-2.5-flash", { effort: "none" }, { includeThoughts: false, thinkingBudget: 0 }],
    ["gemini-2.5-flash", { effort: "max" }, { includeThoughts: true, thinkingBudget: 24_576 }],
    ["gemini-2.5-flash", { budget: -1 }, { includeThoughts: true, thinkingBudget: -1 }],
    ["gemini-2.5-flash", { budget: 2000, visible: false }, { includeThoughts: false, thinkingBudget: 2000 }],
    ["gemini-2.5-flash", { visible: true }, { includeThoughts: true, thinkingBudget: -1 }],
    ["gemini-2.5-flash", { visible: false }, { includeThoughts: false }],
    ["gemini-2.5-flash", { effort: "medium", budget: -1 }, { includeThoughts: true, thinkingBudget: 8192 }],
    ["gemini-2.5-flash", { effort: "none", budget: -1 }, { includeThoughts: false, thinkingBudget: 0 }],
    ["gemini-3-pro-preview", { visible: true }, { includeThoughts: true }],
    ["gemini-2.5-flash-lite", { budget: 100 }, { includeThoughts: true, thinkingBudget: 512 }],
    ["gemini-2.5-pro", { effort: "none" }, { includeThoughts: false, thinkingBudget: 128 }],
    ["gemini-2.5-pro", { effort: "xhigh" }, { includeThoughts: true, thinkingBudget: 32_768 }],
    ["gemini-3-pro-preview", { effort: "medium" }, { includeThoughts: true, thinkingLevel: "high" }],
    ["gemini-3-pro-preview", { effort: "none" }, { includeThoughts: false, thinkingLevel: "low" }],
    ["gemini-3.1-pro-preview", { effort: "medium" }, { includeThoughts: true, thinkingLevel: "medium" }],
    ["gemini-3-flash-preview", { effort: "none" }, { includeThoughts: false, thinkingLevel: "minimal" }],
    ["gemini-3-flash-preview", { budget: 5000 }, { includeThoughts: true, thinkingLevel: "medium" }],
    ["gemini-3-flash-preview", { budget: -1 }, { includeThoughts: true }],
    ["gemini-flash-latest", { effort: "high" }, { includeThoughts: true, thinkingBudget: 24_576 }],
    ["gemini-2.0-flash", { effort: "high" }, undefined],
    ["gemma-3-27b-it", { budget: 5 }, undefined],
    ["gemini-2.5-flash-image", { effort: "low" }, undefined],
  ])("F3 of %s asked to think %j", (model, reasoning, expected) => {
    const { json, losses } = encoded(hi, { model, reasoning });
    expect((json["generationConfig"] as JsonObject | undefined)?.["thinkingConfig"]).toEqual(expected);
    expect(losses).toHaveLength(expected ? 0 : 1);
  });
});

describe("tools of other protocols", () => {
  const hi = [user(text("hi"))];
  const schema = {
    $schema: "x",
    type: "object",
    properties: { a: { $ref: "#/$defs/n" } },
    $defs: { n: { type: ["string", "null"] } },
  };
  const f = { type: "function" as const, name: "f", description: "F", schema, strict: true };

  it("F4 keep their JSON Schema where the model reads it", () => {
    const { $schema: _, ...rest } = schema;
    expect(encoded(hi, { tools: [f, { type: "function", name: "g", schema: {} }] }).json["tools"]).toEqual([
      {
        functionDeclarations: [
          { name: "f", description: "F", parametersJsonSchema: rest },
          { name: "g", parametersJsonSchema: { type: "object", properties: {} } },
        ],
      },
    ]);
  });

  it("F4 have a cleaned schema where it does not, and none without properties", () => {
    const tools = [f, { type: "function" as const, name: "g", schema: { type: "object", properties: {} } }];
    expect(encoded(hi, { tools, model: "gemini-2.0-flash" }).json["tools"]).toEqual([
      {
        functionDeclarations: [
          {
            name: "f",
            description: "F",
            parameters: { type: "object", properties: { a: { type: "string", nullable: true } } },
          },
          { name: "g" },
        ],
      },
    ]);
  });

  it.each<[GenerateRequest["toolChoice"], JsonObject]>([
    ["auto", { mode: "AUTO" }],
    ["none", { mode: "NONE" }],
    ["required", { mode: "ANY" }],
    [{ name: "f" }, { mode: "ANY", allowedFunctionNames: ["f"] }],
    [
      { names: ["f", "g"], required: true },
      { mode: "ANY", allowedFunctionNames: ["f", "g"] },
    ],
    [
      { names: ["f"], required: false },
      { mode: "VALIDATED", allowedFunctionNames: ["f"] },
    ],
  ])("are chosen from by %j", (toolChoice, functionCallingConfig) => {
    expect(encoded(hi, { tools: [f], toolChoice }).json["toolConfig"]).toEqual({ functionCallingConfig });
  });

  it("are not chosen from where there are none, and hosted ones of others are lost", () => {
    const tools = [{ type: "hosted" as const, protocol: "anthropic", name: "web_search", value: {} }];
    const { json, losses } = encoded(hi, { tools, toolChoice: "required" });
    expect(json).toEqual({ contents: [turn("user", { text: "hi" })] });
    expect(losses).toEqual(["the hosted tool web_search of anthropic"]);
  });

  it("are declared once", () => {
    const { json, losses } = encoded(hi, { tools: [f, f], parallelToolCalls: false });
    expect((json["tools"] as unknown as { functionDeclarations: unknown[] }[])[0]?.functionDeclarations).toHaveLength(
      1,
    );
    expect(losses).toEqual(["the limit of one tool call at a time", "the second tool named f"]);
  });

  it("F5 may be called what the reference allows", () => {
    const fit = (name: string): string => name.replace(gemini.tools!.name.forbidden, "_");
    expect(["ns.get:item-1", "1st", "söme thing", "-x"].map(fit)).toEqual(["ns.get:item-1", "_st", "s_me_thing", "_x"]);
  });
});
