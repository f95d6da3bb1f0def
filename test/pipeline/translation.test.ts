import { describe, expect, it } from "vitest";
import { mixed } from "./_mixed.ts";

const chat = (model: string, more: object = {}) => ({ model, messages: [{ role: "user", content: "hi" }], ...more });
const message = (model: string, more: object = {}) => ({ ...chat(model), max_tokens: 100, ...more });

describe("what cannot be said upstream", () => {
  it("a field without a place is left out, told in the outcome and logged once", async () => {
    const { proxy, post, sent } = await mixed({ claude: "anthropic" });
    for (let turn = 0; turn < 2; turn++) {
      expect((await post("/v1/chat/completions", chat("claude/m", { logit_bias: { 5: 1 } }))).status).toBe(200);
    }
    expect(sent("claude")["logit_bias"]).toBeUndefined();
    const { outcome } = await proxy.recorded(2);
    expect(outcome.losses.map(({ where }) => where)).toEqual(["logit_bias"]);
    expect(proxy.logged.filter((line) => line.includes("logit_bias"))).toHaveLength(1);
  });

  it.each([
    ["the config", { strict: true }, {}],
    ["a header", {}, { "x-waygate-strict": "on" }],
  ])("strict by %s refuses it before anybody is called, naming the field", async (_, config, headers) => {
    const { post, upstreams } = await mixed({ claude: "anthropic" }, config);
    const answer = await post("/v1/chat/completions", chat("claude/m", { logit_bias: { 5: 1 } }), headers);
    expect(answer.status).toBe(400);
    expect(answer.json["error"]).toMatchObject({ code: "unsupported_feature", param: "logit_bias" });
    expect(upstreams["claude"]?.requests).toHaveLength(0);
  });

  it("strict sends it to the next target that has a place for it", async () => {
    const { post, sent, upstreams } = await mixed(
      { claude: "anthropic", gpt: "openai-chat" },
      { strict: true, models: { any: ["claude/m", "gpt/m"] } },
    );
    const answer = await post("/v1/chat/completions", chat("any", { logit_bias: { 5: 1 } }));
    expect(answer.status).toBe(200);
    expect(upstreams["claude"]?.requests).toHaveLength(0);
    expect(sent("gpt")["logit_bias"]).toEqual({ 5: 1 });
  });

  it("what would mean something else without a field goes elsewhere, or is refused with the field's name", async () => {
    const { post, upstreams } = await mixed(
      { claude: "anthropic", gpt: "openai-chat" },
      { models: { any: ["claude/m", "gpt/m"] } },
    );
    expect((await post("/v1/chat/completions", chat("any", { n: 2 }))).headers.get("x-waygate-provider")).toBe("gpt");
    const refused = await post("/v1/chat/completions", chat("claude/m", { n: 2 }));
    expect(refused.status).toBe(400);
    expect(refused.json["error"]).toMatchObject({ code: "unsupported_feature", param: "n" });
    expect(upstreams["claude"]?.requests).toHaveLength(0);
  });
});

describe("tools that a provider runs itself", () => {
  const search = { tools: [{ type: "web_search_20250305", name: "web_search", max_uses: 2 }] };

  it("go to a target that has them, whatever its place", async () => {
    const { post, sent } = await mixed(
      { gpt: "openai-chat", claude: "anthropic" },
      { models: { any: ["gpt/m", "claude/m"] } },
    );
    expect((await post("/v1/messages", message("any", search))).headers.get("x-waygate-provider")).toBe("claude");
    expect(sent("claude")["tools"]).toEqual(search.tools);
  });

  it("are a loss where nobody has them", async () => {
    const { post, proxy, sent } = await mixed({ gpt: "openai-chat" });
    expect((await post("/v1/messages", message("gpt/m", search))).status).toBe(200);
    expect(sent("gpt")["tools"]).toBeUndefined();
    expect((await proxy.recorded(1)).outcome.losses[0]?.what).toContain("web_search");
  });
});

describe("names of tools", () => {
  it("that the upstream forbids are replaced on the way out and put back in the answer", async () => {
    const { post, sent } = await mixed(
      { gpt: "openai-chat" },
      { turn: { calls: [{ id: "call_1", name: "ns_get_item", args: { a: 1 } }] } },
    );
    const answer = await post("/v1beta/models/gpt/m:generateContent", {
      contents: [{ role: "user", parts: [{ text: "go" }] }],
      tools: [{ functionDeclarations: [{ name: "ns.get:item", description: "D" }] }],
    });
    expect(sent("gpt")["tools"]?.[0]?.["function"]?.["name"]).toBe("ns_get_item");
    expect(answer.json["candidates"]?.[0]?.["content"]?.["parts"]?.[0]?.["functionCall"]).toMatchObject({
      name: "ns.get:item",
      args: { a: 1 },
    });
  });
});

describe("a Gemini stream without alt=sse", () => {
  it.each([
    ["its own protocol", "gemini"],
    ["another protocol", "anthropic"],
  ] as const)("is one JSON array of messages, from an upstream of %s", async (_, protocol) => {
    const { post } = await mixed({ up: protocol });
    const body = { contents: [{ role: "user", parts: [{ text: "go" }] }] };
    const array = await post("/v1beta/models/up/m:streamGenerateContent", body);
    expect(array.headers.get("content-type")).toContain("application/json");
    const messages = array.json as unknown as readonly {
      readonly candidates?: readonly { content?: { parts?: readonly { text?: string }[] } }[];
    }[];
    expect(Array.isArray(messages)).toBe(true);
    const texts = messages.flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? []).map(({ text }) => text);
    expect(texts.join("")).toBe("hello there");
    const events = await post("/v1beta/models/up/m:streamGenerateContent?alt=sse", body);
    expect(events.headers.get("content-type")).toContain("text/event-stream");
    expect(events.text).toMatch(/^data: \{/);
  });

  it("that fails half-way ends as a JSON array with the error in it", async () => {
    const { post, upstreams } = await mixed({ up: "anthropic" });
    const start = {
      type: "message_start",
      message: { id: "m", type: "message", role: "assistant", model: "m", content: [], usage: { input_tokens: 1 } },
    };
    const frames = [
      start,
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "half" } },
      { type: "error", error: { type: "overloaded_error", message: "too much" } },
    ];
    const text = frames.map((frame) => `event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`).join("");
    upstreams["up"]?.reply({
      head: { status: 200, headers: { "content-type": "text/event-stream" } },
      before: [],
      body: [Buffer.from(text)],
      end: "complete",
    });
    const { json } = await post("/v1beta/models/up/m:streamGenerateContent", {
      contents: [{ role: "user", parts: [{ text: "go" }] }],
    });
    expect(json[0]?.["candidates"]).toBeDefined();
    expect(json.at(-1)?.["error"]).toMatchObject({ status: expect.any(String), code: expect.any(Number) });
  });
});
