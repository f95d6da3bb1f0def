import { describe, expect, it } from "vitest";
import { ProxyError } from "../../../src/failure/error.ts";
import type { GenerateRequest, Json, JsonObject, Message, Part, Tool } from "../../../src/protocols/canonical.ts";
import { anthropic } from "../../../src/protocols/anthropic/index.ts";
import { jsonBody } from "../../../src/wire/body.ts";

const request = new Request("http://localhost/v1/messages", { method: "POST" });
const text = (words: string): Part => ({ type: "text", text: words });
const user = (...parts: readonly Part[]): Message => ({ role: "user", parts });
const assistant = (...parts: readonly Part[]): Message => ({ role: "assistant", parts });
const system = (words: string): Message => ({ role: "system", parts: [text(words)] });
const call = (id: string, input = "{}"): Part => ({ type: "tool-call", id, name: "f", input });
const result = (id: string, words = "ok"): Part => ({ type: "tool-result", id, content: [text(words)] });
const hi = user(text("hi"));
const f: Tool = { type: "function", name: "f", schema: { type: "object", properties: {} } };
const g: Tool = { ...f, name: "g" };

function encoded(
  messages: readonly Message[],
  more: Partial<GenerateRequest> = {},
): { json: JsonObject; messages: Json | undefined; losses: string[] } {
  const losses: string[] = [];
  const given = { model: "m", stream: false, messages, maxTokens: 16_000, ...more };
  const { json } = anthropic.encodeRequest(given, ({ what }) => losses.push(what));
  return { json, messages: json["messages"], losses };
}

function decoded(fields: JsonObject): GenerateRequest {
  const messages = [{ role: "user", content: "q" }];
  return anthropic.decodeRequest(jsonBody({ model: "m", max_tokens: 9, messages, ...fields }), request);
}

const partsOf = (...content: readonly Json[]): readonly Part[] =>
  decoded({ messages: [{ role: "user", content }] }).messages[0]!.parts;

function codeOf(make: () => unknown): string | undefined {
  try {
    make();
  } catch (error) {
    if (ProxyError.is(error)) return `${error.code} ${error.param}`;
    throw error;
  }
  return undefined;
}

describe("decoding", () => {
  it("F1 reads seals from signatures, foreign ones by their minter's name", () => {
    const thinking = { type: "thinking", thinking: "Hm." };
    const parts = partsOf(
      { ...thinking, signature: "c2ln" },
      { ...thinking, signature: "px1.gemini.google.Zm9v" },
      { ...thinking, signature: "" },
      { type: "redacted_thinking", data: "ZA==" },
    );
    expect(parts).toEqual([
      { type: "reasoning", text: "Hm.", seal: { protocol: "anthropic", value: "c2ln" } },
      { type: "reasoning", text: "Hm.", seal: { protocol: "gemini", provider: "google", value: "Zm9v" } },
      { type: "reasoning", text: "Hm." },
      { type: "reasoning", text: "", seal: { protocol: "anthropic", value: "ZA==", redacted: true } },
    ]);
  });

  it("F12 reads pictures and documents by data, address and file", () => {
    const pdf = { type: "base64", media_type: "application/pdf", data: "JVBERi0=" };
    const parts = partsOf(
      { type: "image", source: { type: "base64", media_type: "image/png", data: "aaaa" } },
      { type: "image", source: { type: "url", url: "https://a.example/x" } },
      { type: "document", source: pdf },
      { type: "document", source: { type: "file", file_id: "file_1" } },
    );
    expect(parts.map((part) => part.type === "media" && [part.mediaType, part.source])).toEqual([
      ["image/png", { data: "aaaa" }],
      ["image/*", { url: "https://a.example/x" }],
      ["application/pdf", { data: "JVBERi0=" }],
      ["application/pdf", { fileId: "file_1" }],
    ]);
  });

  it("reads documents and search results of text as text for whoever does not know their frame", () => {
    const parts = partsOf(
      { type: "document", title: "Log", source: { type: "text", media_type: "text/plain", data: "Wind SW" } },
      { type: "search_result", title: "T", source: "https://s.example", content: [{ type: "text", text: "It blew." }] },
    );
    expect(parts.map((part) => part.type === "text" && part.text)).toEqual([
      "Log\nWind SW",
      "T\nhttps://s.example\nIt blew.",
    ]);
  });

  it("keeps what only this protocol knows whole", () => {
    const block = { type: "server_tool_use", id: "s", name: "web_search", input: {} };
    expect(partsOf(block)).toEqual([{ type: "opaque", protocol: "anthropic", value: block }]);
  });

  it.each<[JsonObject, GenerateRequest["reasoning"]]>([
    [{ thinking: { type: "enabled", budget_tokens: 2000 } }, { budget: 2000 }],
    [{ thinking: { type: "enabled", budget_tokens: 2000, display: "omitted" } }, { budget: 2000, visible: false }],
    [{ thinking: { type: "disabled" } }, { effort: "none" }],
    [
      { thinking: { type: "adaptive" }, output_config: { effort: "xhigh" } },
      { budget: -1, effort: "xhigh" },
    ],
    [{ output_config: { effort: "low" } }, { effort: "low" }],
    [{ thinking: { type: "between_tools" } }, undefined],
  ])("reads the reasoning of %j", (fields, reasoning) => {
    expect(decoded(fields).reasoning).toEqual(reasoning);
  });

  it("reads tools, the choice among them and who asks", () => {
    const web = { type: "web_search_20250305", name: "web_search" };
    const read = decoded({
      tools: [{ name: "f", input_schema: { type: "object" }, cache_control: { type: "ephemeral" } }, web],
      tool_choice: { type: "any", disable_parallel_tool_use: true },
      metadata: { user_id: "u-1" },
    });
    expect(read).toMatchObject({ toolChoice: "required", parallelToolCalls: false, user: "u-1" });
    expect(read.tools).toMatchObject([
      { type: "function", name: "f" },
      { type: "hosted", protocol: "anthropic", name: "web_search", value: web },
    ]);
  });

  it("keeps the block that changes with every request from everybody else (report 49)", () => {
    const { messages } = decoded({
      system: [
        { type: "text", text: "x-anthropic-billing-header: n=1" },
        { type: "text", text: "Be brief." },
      ],
    });
    expect(messages[0]?.parts).toEqual([text("Be brief.")]);
  });
});

describe("turns of other protocols", () => {
  it("F6 joins neighbours and puts results first, behind their calls", () => {
    const { messages } = encoded([
      user(text("a")),
      user(text("b")),
      assistant(call("c1", '{"x":1}'), call("c2")),
      user(text("meanwhile"), result("c2")),
      user(result("c1")),
      user(text("and?")),
    ]);
    const answer = (id: string): JsonObject => ({ type: "tool_result", tool_use_id: id, content: "ok" });
    expect(messages).toEqual([
      { role: "user", content: ["a", "b"].map((words) => ({ type: "text", text: words })) },
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "c1", name: "f", input: { x: 1 } },
          { type: "tool_use", id: "c2", name: "f", input: {} },
        ],
      },
      {
        role: "user",
        content: [answer("c1"), answer("c2"), { type: "text", text: "meanwhile" }, { type: "text", text: "and?" }],
      },
    ]);
  });

  it("F5 answers a call nobody has answered, and makes text of an answer nobody has called for (report 41)", () => {
    const { messages } = encoded([hi, assistant(call("c1")), user(text("go on")), user(result("ghost", "boo"))]);
    expect(messages).toMatchObject([
      {},
      {},
      {
        content: [
          { type: "tool_result", tool_use_id: "c1" },
          { type: "text", text: "go on" },
          { type: "text", text: "boo" },
        ],
      },
    ]);
  });

  it("F7 puts instructions above the turns, later ones too, which is a loss", () => {
    const early = encoded([system("one"), system("two"), hi]);
    expect(early.json["system"]).toEqual([
      { type: "text", text: "one" },
      { type: "text", text: "two" },
    ]);
    expect(early.losses).toEqual([]);
    const late = encoded([system("one"), hi, assistant(text("yes")), system("two"), hi]);
    expect(JSON.stringify(late.json["system"])).toContain("two");
    expect(late.messages).toHaveLength(3);
    expect(late.losses).toEqual(["the place of a later system message"]);
  });

  it("F7 makes a turn where there are instructions only", () => {
    expect(encoded([system("one")])).toMatchObject({
      json: { system: "one" },
      messages: [{ role: "user", content: "." }],
      losses: [],
    });
  });

  it("begins with the user, and leaves out what says nothing", () => {
    const { messages } = encoded([
      assistant(text("Hello")),
      user(text(" ")),
      user(text("a")),
      assistant(text("")),
      user(text("b")),
    ]);
    expect(messages).toEqual([
      { role: "user", content: "." },
      { role: "assistant", content: "Hello" },
      { role: "user", content: ["a", "b"].map((words) => ({ type: "text", text: words })) },
    ]);
  });

  it("lets the model go on with its own words only when that was asked for", () => {
    expect(encoded([hi, assistant(text("It is \n"))]).messages).toMatchObject([{}, { content: "It is" }]);
    expect(encoded([hi, assistant(text("It is")), user(text("\n"))]).messages).toMatchObject([
      {},
      {},
      { content: "." },
    ]);
  });

  it("F1 takes signed thinking only", () => {
    const seal = { protocol: "anthropic", value: "c2ln" };
    const { messages, losses } = encoded([
      hi,
      assistant({ type: "reasoning", text: "mine", seal }, { type: "reasoning", text: "theirs" }, text("a")),
      assistant({ type: "reasoning", text: "", seal: { ...seal, redacted: true } }),
      hi,
    ]);
    expect(messages).toMatchObject([
      {},
      {
        content: [
          { type: "thinking", thinking: "mine", signature: "c2ln" },
          { type: "text", text: "a" },
          { type: "redacted_thinking", data: "c2ln" },
        ],
      },
      {},
    ]);
    expect(losses).toEqual(["reasoning without a signature"]);
  });

  it.each([
    ["", {}],
    ['{"a":[1]}', { a: [1] }],
    ["[1]", { _raw: "[1]" }],
    ['{"cut', { _raw: '{"cut' }],
  ])("sends the arguments %j as an object", (input, object) => {
    const { messages } = encoded([hi, assistant(call("c1", input)), user(result("c1"))]);
    expect(messages).toMatchObject([{}, { content: [{ input: object }] }, {}]);
  });
});

describe("media of other protocols", () => {
  const sent = (mediaType: string, source: Extract<Part, { type: "media" }>["source"]): Json | undefined =>
    (encoded([user({ type: "media", mediaType, source }, text("?"))]).messages as JsonObject[])[0]?.["content"];

  it.each<[string, { url: string } | { data: string }, JsonObject]>([
    [
      "image/png",
      { data: "iVBORw0K" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0K" } },
    ],
    [
      "image/jpg",
      { data: "/9j/4AAQ" },
      { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "/9j/4AAQ" } },
    ],
    [
      "image/*",
      { data: "R0lGODdh" },
      { type: "image", source: { type: "base64", media_type: "image/gif", data: "R0lGODdh" } },
    ],
    [
      "image/*",
      { url: "https://a.example/x.png" },
      { type: "image", source: { type: "url", url: "https://a.example/x.png" } },
    ],
    [
      "image/*",
      { url: "data:image/webp;x=1;base64,UklGRg==" },
      { type: "image", source: { type: "base64", media_type: "image/webp", data: "UklGRg==" } },
    ],
    [
      "application/pdf",
      { data: "JVBERi0=" },
      { type: "document", source: { type: "base64", media_type: "application/pdf", data: "JVBERi0=" } },
    ],
    [
      "*/*",
      { url: "https://a.example/x.pdf" },
      { type: "document", source: { type: "url", url: "https://a.example/x.pdf" } },
    ],
    [
      "text/csv",
      { data: "YSxi" },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "a,b" } },
    ],
  ])("F12 sends %s %j", (mediaType, source, block) => {
    expect(sent(mediaType, source)).toEqual([block, { type: "text", text: "?" }]);
  });

  it.each<[string, Extract<Part, { type: "media" }>["source"]]>([
    ["audio/wav", { data: "UklGRg==" }],
    ["video/mp4", { url: "https://a.example/x.mp4" }],
    ["image/svg+xml", { data: "PHN2Zz4=" }],
    ["image/png", { url: "gs://bucket/x.png" }],
    ["*/*", { fileId: "file-1" }],
    ["application/zip", { data: "UEsDBA==" }],
  ])("F12 refuses %s %j, naming its place", (mediaType, source) => {
    expect(codeOf(() => sent(mediaType, source))).toBe("unsupported_feature messages[0]");
  });

  it("puts pictures of a tool into its result", () => {
    const picture: Part = { type: "media", mediaType: "image/png", source: { data: "iVBORw0K" } };
    const { messages } = encoded([
      hi,
      assistant(call("c")),
      user({ type: "tool-result", id: "c", content: [picture], isError: true }),
    ]);
    expect(messages).toMatchObject([{}, {}, { content: [{ is_error: true, content: [{ type: "image" }] }] }]);
  });
});

describe("tools of other protocols", () => {
  it.each<[GenerateRequest["toolChoice"], boolean | undefined, JsonObject | undefined]>([
    [undefined, undefined, undefined],
    [undefined, true, undefined],
    [undefined, false, { type: "auto", disable_parallel_tool_use: true }],
    ["auto", undefined, { type: "auto" }],
    ["none", false, { type: "none" }],
    ["required", false, { type: "any", disable_parallel_tool_use: true }],
    [{ name: "g" }, undefined, { type: "tool", name: "g" }],
    [{ names: ["g"], required: true }, undefined, { type: "any" }],
    [{ names: ["g"], required: false }, undefined, { type: "auto" }],
  ])("sends the choice %j (parallel: %j)", (toolChoice, parallelToolCalls, choice) => {
    const { json } = encoded([hi], {
      tools: [f, g],
      ...(toolChoice && { toolChoice }),
      ...(parallelToolCalls !== undefined && { parallelToolCalls }),
    });
    expect(json["tool_choice"]).toEqual(choice);
    const names = (json["tools"] as JsonObject[]).map(({ name }) => name);
    expect(names).toEqual(typeof toolChoice === "object" && "names" in toolChoice ? ["g"] : ["f", "g"]);
  });

  it("sends no choice without tools, and declares the tools a history has called", () => {
    expect(encoded([hi], { toolChoice: "required" }).json).not.toHaveProperty("tool_choice");
    expect(encoded([hi, assistant(call("c")), user(result("c"))]).json).toMatchObject({
      tools: [{ name: "f", input_schema: { type: "object", properties: {} } }],
      tool_choice: { type: "none" },
    });
  });

  it("loses hosted tools of others, and refuses to do without one that must be called", () => {
    const hosted: Tool = { type: "hosted", protocol: "gemini", name: "search", value: {} };
    expect(encoded([hi], { tools: [hosted] }).losses).toEqual(["the hosted tool search of gemini"]);
    expect(codeOf(() => encoded([hi], { tools: [hosted], toolChoice: { name: "search" } }))).toBe(
      "unsupported_feature tool_choice",
    );
  });

  const schemaOf = (schema: JsonObject): Json | undefined =>
    (encoded([hi], { tools: [{ ...f, schema }] }).json["tools"] as JsonObject[])[0]?.["input_schema"];

  it("F4 puts an object at the root of a schema, alternatives put together", () => {
    expect(schemaOf({})).toEqual({ type: "object", properties: {} });
    const one = { properties: { a: { type: "string" } }, required: ["a"] };
    const other = { properties: { b: { type: "number" } }, required: ["b"] };
    expect(schemaOf({ anyOf: [one, other] })).toEqual({
      type: "object",
      properties: { ...other.properties, ...one.properties },
    });
    expect(schemaOf({ allOf: [one, other] })).toMatchObject({ required: ["a", "b"] });
  });

  it("F4 says what older drafts said in today's words, and leaves properties named like keywords alone", () => {
    const properties = {
      items: { type: "array", items: [{ type: "string" }, { type: "number" }] },
      low: { type: "number", minimum: 0, exclusiveMinimum: true },
      exclusiveMinimum: { type: "boolean", exclusiveMinimum: false },
      required: { type: "string", required: true },
    };
    expect(schemaOf({ type: "object", properties })).toEqual({
      type: "object",
      properties: {
        items: { type: "array", prefixItems: [{ type: "string" }, { type: "number" }] },
        low: { type: "number", exclusiveMinimum: 0 },
        exclusiveMinimum: { type: "boolean" },
        required: { type: "string" },
      },
    });
  });

  it("asks for strict calls only of models that know them", () => {
    const strict = { tools: [{ ...f, strict: true }] };
    expect(encoded([hi], strict).losses).toEqual(["that calls of f match its schema strictly"]);
    const { json, losses } = encoded([hi], { ...strict, model: "claude-sonnet-4-5-20250929" });
    expect(json["tools"]).toMatchObject([{ strict: true }]);
    expect(losses).toEqual([]);
  });
});

describe("options of other protocols", () => {
  it.each([
    ["m", undefined, 8192],
    ["claude-3-haiku-20240307", undefined, 4096],
    ["claude-3-5-sonnet-20241022", undefined, 8192],
    ["claude-opus-4-20250514", undefined, 32_000],
    ["claude-opus-4-20250514", 77, 77],
  ])("F8 limits an answer of %s, asked for %j, to %i tokens", (model, maxTokens, limit) => {
    const given = { model, stream: false, messages: [hi], ...(maxTokens !== undefined && { maxTokens }) };
    expect(anthropic.encodeRequest(given, () => {}).json["max_tokens"]).toBe(limit);
  });

  it.each<[Partial<GenerateRequest>, JsonObject | undefined, JsonObject | undefined]>([
    [{ reasoning: { effort: "none" } }, { type: "disabled" }, undefined],
    [{ reasoning: { effort: "minimal" } }, { type: "enabled", budget_tokens: 1024 }, undefined],
    [
      { reasoning: { effort: "medium", visible: false } },
      { type: "enabled", budget_tokens: 8192, display: "omitted" },
      undefined,
    ],
    [{ reasoning: { effort: "high" } }, { type: "enabled", budget_tokens: 11_904 }, undefined],
    [{ reasoning: { effort: "high" }, maxTokens: 2000 }, { type: "enabled", budget_tokens: 1024 }, undefined],
    [{ reasoning: { budget: 3000, effort: "high" } }, { type: "enabled", budget_tokens: 3000 }, undefined],
    [{ reasoning: { budget: -1 } }, { type: "enabled", budget_tokens: 8192 }, undefined],
    [{ reasoning: { budget: 0 } }, { type: "disabled" }, undefined],
    [{ reasoning: { visible: true } }, undefined, undefined],
    [{ model: "claude-opus-4-6", reasoning: { effort: "high" } }, { type: "adaptive" }, { effort: "high" }],
    [
      { model: "claude-opus-4.7", reasoning: { effort: "minimal", visible: true } },
      { type: "adaptive", display: "summarized" },
      { effort: "low" },
    ],
    [{ model: "claude-haiku-5-5", reasoning: { budget: 9000 } }, { type: "adaptive" }, { effort: "high" }],
    [{ model: "claude-opus-5", reasoning: { budget: -1 } }, { type: "adaptive" }, undefined],
  ])("F3 asks for the reasoning of %j", (more, thinking, config) => {
    const { json, losses } = encoded([hi], more);
    expect([json["thinking"], json["output_config"]]).toEqual([thinking, config]);
    expect(losses).toEqual([]);
  });

  it("does without reasoning where the limit leaves no room for it", () => {
    expect(encoded([hi], { reasoning: { effort: "low" }, maxTokens: 900 })).toMatchObject({
      losses: ["reasoning, for which max_tokens is too small"],
    });
  });

  it("keeps a forced choice of tools and drops the reasoning the API refuses beside it", () => {
    const { json, losses } = encoded([hi], { tools: [f], toolChoice: "required", reasoning: { effort: "high" } });
    expect(json).not.toHaveProperty("thinking");
    expect(json["tool_choice"]).toEqual({ type: "any" });
    expect(losses).toEqual(["reasoning, which cannot be had with a forced choice of tools"]);
  });

  it("F3 drops reasoning inside a round of calls that did not begin with it, and keeps it where it did", () => {
    const more = { tools: [f], reasoning: { effort: "medium" } } as const;
    const seal = { protocol: "anthropic", value: "c2ln" };
    expect(encoded([hi, assistant(call("c")), user(result("c"))], more).json).not.toHaveProperty("thinking");
    const signed = assistant({ type: "reasoning", text: "Hm.", seal }, call("c"));
    expect(encoded([hi, signed, user(result("c"))], more).json).toHaveProperty("thinking");
    expect(encoded([hi, assistant(text("a")), hi], more).json).toHaveProperty("thinking");
  });

  it.each<[Partial<GenerateRequest>, JsonObject, readonly string[]]>([
    [{ temperature: 1.7 }, { temperature: 1 }, ["a temperature above 1"]],
    [{ temperature: 0 }, { temperature: 0 }, []],
    [{ temperature: 0.6, topP: 0.9 }, { temperature: 0.6 }, ["top_p"]],
    [{ topP: 0.9, topK: 4 }, { top_p: 0.9, top_k: 4 }, []],
    [{ temperature: 0.3, reasoning: { effort: "low" } }, {}, ["temperature"]],
    [{ topP: 0.97, topK: 4, reasoning: { effort: "low" } }, { top_p: 0.97 }, ["top_k"]],
    [{ model: "claude-opus-4-7", temperature: 0.3 }, {}, ["temperature"]],
    [{ model: "claude-opus-4-7", temperature: 1 }, { temperature: 1 }, []],
    [{ seed: 1, presencePenalty: 0.5, frequencyPenalty: 0 }, {}, ["seed", "presence_penalty"]],
  ])("samples as %j as far as the API does", (more, fields, losses) => {
    const { json, losses: lost } = encoded([hi], more);
    const { temperature, top_p, top_k } = json;
    expect({ temperature, top_p, top_k }).toEqual({
      temperature: undefined,
      top_p: undefined,
      top_k: undefined,
      ...fields,
    });
    expect(lost).toEqual(losses);
  });

  it("F8 sends stop sequences that are more than white space", () => {
    expect(encoded([hi], { stop: ["\n", "END"] })).toMatchObject({
      json: { stop_sequences: ["END"] },
      losses: ["a stop sequence of white space"],
    });
    expect(encoded([hi], { stop: [] }).json).not.toHaveProperty("stop_sequences");
  });

  it("F8 asks for an answer by a schema, its objects closed, and for any JSON by an instruction", () => {
    const schema = { type: "object", properties: { a: { type: "object", properties: {} } } };
    expect(encoded([hi], { format: { type: "json", name: "n", schema } }).json["output_config"]).toEqual({
      format: {
        type: "json_schema",
        schema: {
          type: "object",
          properties: { a: { type: "object", properties: {}, additionalProperties: false } },
          additionalProperties: false,
        },
      },
    });
    expect(encoded([system("Be brief."), hi], { format: { type: "json" } }).json["system"]).toMatchObject([
      { text: "Be brief." },
      { text: expect.stringContaining("JSON") },
    ]);
  });

  it("names the user, but no address and nothing too long", () => {
    expect(encoded([hi], { user: "u-1" }).json["metadata"]).toEqual({ user_id: "u-1" });
    for (const name of ["a@b.example", "x".repeat(300)]) {
      expect(encoded([hi], { user: name }).json["metadata"]).toEqual({
        user_id: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    }
  });

  it("refuses several answers, and reports fields of others", () => {
    expect(codeOf(() => encoded([hi], { choices: 2 }))).toBe("unsupported_feature n");
    const meta = { "openai-chat": { logit_bias: { "1": 2 } } };
    expect(encoded([hi], { meta }).losses).toEqual(["logit_bias of openai-chat"]);
  });

  it("does not bring a citation of its own making back to the API", () => {
    const citation = { type: "web_search_result_location", url: "https://a.example", encrypted_index: "px1.source.." };
    const said = { role: "assistant", content: [{ type: "text", text: "a", citations: [citation] }] };
    const q = { role: "user", content: "q" };
    const read = decoded({ messages: [q, said, q] });
    const { messages } = anthropic.encodeRequest(read, () => {}).json;
    expect(messages).toEqual([q, { role: "assistant", content: [{ type: "text", text: "a" }] }, q]);
  });
});
