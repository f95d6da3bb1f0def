import { describe, expect, it } from "vitest";
import { ProxyError } from "../../../src/failure/error.ts";
import type { GenerateRequest, Json, JsonObject, Message } from "../../../src/protocols/canonical.ts";
import { openaiChat } from "../../../src/protocols/openai-chat/index.ts";
import { textBody } from "../../../src/wire/body.ts";

const request = new Request("http://localhost/v1/chat/completions", { method: "POST" });
const hello = { role: "user", content: "hello" };

function refused(body: Json): { param: string | undefined; message: string } {
  try {
    openaiChat.inspect(request, textBody(JSON.stringify(body)));
  } catch (error) {
    if (ProxyError.is(error) && error.kind === "invalid_request") return { param: error.param, message: error.message };
    throw error;
  }
  throw new Error("the request was accepted");
}

function encoded(
  messages: readonly Message[],
  more: Partial<GenerateRequest> = {},
): { json: JsonObject; losses: string[] } {
  const losses: string[] = [];
  const body = openaiChat.encodeRequest({ model: "m", stream: false, messages, ...more }, (loss) =>
    losses.push(loss.what),
  );
  return { json: body.json, losses };
}

describe("inspect", () => {
  it.each([
    [
      { model: "m", messages: [hello] },
      { model: "m", stream: false, usage: false },
    ],
    [
      { model: "m", messages: [hello], stream: null },
      { model: "m", stream: false, usage: false },
    ],
    [
      { model: "m", messages: [hello], stream: true },
      { model: "m", stream: true, usage: false },
    ],
    [
      { model: "m", messages: [hello], stream: true, stream_options: { include_usage: true }, unheard_of: 1 },
      { model: "m", stream: true, usage: true },
    ],
  ])("reads %j", (body, inspection) => {
    expect(openaiChat.inspect(request, textBody(JSON.stringify(body)))).toEqual(inspection);
  });

  it.each<[Json, string | undefined]>([
    [[], undefined],
    [{ messages: [hello] }, "model"],
    [{ model: "", messages: [hello] }, "model"],
    [{ model: 7, messages: [hello] }, "model"],
    [{ model: "m", stream: "yes", messages: [hello] }, "stream"],
    [{ model: "m" }, "messages"],
    [{ model: "m", messages: "hi" }, "messages"],
    [{ model: "m", messages: [] }, "messages"],
    [{ model: "m", messages: [hello, "hi"] }, "messages[1]"],
    [{ model: "m", messages: [{ content: "x" }] }, "messages[0].role"],
    [{ model: "m", messages: [{ role: 1 }] }, "messages[0].role"],
  ])("refuses %j and names the field", (body, param) => {
    const { param: named, message } = refused(body);
    expect(named).toBe(param);
    if (param) expect(message).toContain(`'${param}'`);
  });
});

describe("retarget", () => {
  const text =
    '{"model":"a","seed":12345678901234567890, "stream":true,"stream_options":{"include_obfuscation":false},"messages":[]}';

  it("changes the model and no other byte", () => {
    expect(openaiChat.retarget(textBody(text), "b", {}).text).toBe(text.replace('"a"', '"b"'));
  });

  it("D6 asks for usage in a stream beside the options that are there", () => {
    expect(openaiChat.retarget(textBody(text), "a", { usage: true }).text).toBe(
      text.replace("false}", 'false,"include_usage":true}'),
    );
    const plain = '{"model":"a","stream":true}';
    expect(openaiChat.retarget(textBody(plain), "a", { usage: true }).json["stream_options"]).toEqual({
      include_usage: true,
    });
  });

  it("does not ask for usage where nothing is streamed", () => {
    const whole = '{"model":"a","stream":false}';
    expect(openaiChat.retarget(textBody(whole), "a", { usage: true }).text).toBe(whole);
  });
});

describe("decodeRequest", () => {
  it("puts what the canonical form knows into it, and the rest under its own name", () => {
    const body = textBody(
      JSON.stringify({
        model: "m",
        stream: true,
        max_completion_tokens: 9,
        stop: "x",
        seed: 1,
        reasoning_effort: "xhigh",
        messages: [
          { role: "developer", content: "d" },
          { role: "tool", tool_call_id: "t", content: "r" },
        ],
      }),
    );
    const decoded = openaiChat.decodeRequest(body, request);
    expect(decoded).toMatchObject({
      model: "m",
      stream: true,
      maxTokens: 9,
      stop: ["x"],
      reasoning: { effort: "max" },
    });
    expect(decoded.meta?.["openai-chat"]).toMatchObject({ seed: 1 });
    expect(decoded.messages.map(({ role, parts }) => [role, parts[0]?.type])).toEqual([
      ["system", "text"],
      ["user", "tool-result"],
    ]);
  });

  it("honours what a hook changed over what the client wrote", () => {
    const body = textBody(
      JSON.stringify({
        model: "m",
        stream: true,
        stream_options: { include_usage: true },
        temperature: null,
        stop: "x",
        messages: [hello],
      }),
    );
    const decoded = openaiChat.decodeRequest(body, request);
    const changed = { ...decoded, stream: false, temperature: 1, stop: ["a", "b"] };
    expect(openaiChat.encodeRequest(changed, () => {}).json).toEqual({
      model: "m",
      temperature: 1,
      stop: ["a", "b"],
      messages: [hello],
    });
  });
});

describe("encodeRequest of what other protocols say", () => {
  it("writes tool results as messages of their own, in order, and pictures in them behind all of them", () => {
    const { json } = encoded([
      {
        role: "user",
        parts: [
          {
            type: "tool-result",
            id: "a",
            content: [
              { type: "text", text: "1" },
              { type: "media", mediaType: "image/png", source: { data: "QQ==" } },
            ],
          },
          { type: "tool-result", id: "b", content: [{ type: "text", text: "2" }] },
          { type: "text", text: "and?" },
        ],
      },
    ]);
    expect(json["messages"]).toEqual([
      { role: "tool", tool_call_id: "a", content: "1" },
      { role: "tool", tool_call_id: "b", content: "2" },
      {
        role: "user",
        content: [
          { type: "image_url", image_url: { url: "data:image/png;base64,QQ==" } },
          { type: "text", text: "and?" },
        ],
      },
    ]);
  });

  it("keeps tool results of neighbouring messages together", () => {
    const result = (id: string): Message => ({
      role: "user",
      parts: [
        {
          type: "tool-result",
          id,
          content: [{ type: "media", mediaType: "image/png", source: { url: "https://x.example/a" } }],
        },
      ],
    });
    const { json } = encoded([result("a"), result("b"), { role: "assistant", parts: [{ type: "text", text: "ok" }] }]);
    expect((json["messages"] as JsonObject[]).map((message) => message["role"])).toEqual([
      "tool",
      "tool",
      "user",
      "assistant",
    ]);
  });

  it("never hands a signature or signed reasoning to an upstream that did not mint it, and says so", () => {
    const seal = { protocol: "anthropic", value: "secret-signature" };
    const { json, losses } = encoded([
      {
        role: "assistant",
        parts: [
          { type: "reasoning", text: "sealed thought", seal },
          { type: "reasoning", text: "open thought" },
          { type: "tool-call", id: "t", name: "f", input: "{}", seal },
        ],
      },
    ]);
    expect(JSON.stringify(json)).not.toContain("seal");
    expect(json["messages"]).toEqual([
      {
        role: "assistant",
        content: null,
        reasoning_content: "open thought",
        tool_calls: [{ id: "t", type: "function", function: { name: "f", arguments: "{}" } }],
      },
    ]);
    expect(losses).toEqual(["signed reasoning", "the signature of a tool call"]);
  });

  it("names every loss and leaves no empty list of tools behind", () => {
    const { json, losses } = encoded(
      [
        {
          role: "user",
          parts: [
            { type: "opaque", protocol: "other", value: 1 },
            { type: "text", text: "x" },
          ],
        },
      ],
      {
        tools: [{ type: "hosted", protocol: "other", name: "web", value: {} }],
        toolChoice: "auto",
        reasoning: { budget: 5000, visible: true },
      },
    );
    expect(json).toEqual({
      model: "m",
      messages: [{ role: "user", content: [{ type: "text", text: "x" }] }],
      reasoning_effort: "medium",
    });
    expect(losses).toHaveLength(4);
  });

  it("names a schema that has no name, since this protocol wants one", () => {
    const { json } = encoded([], { format: { type: "json", schema: { type: "object" } } });
    expect(json["response_format"]).toEqual({
      type: "json_schema",
      json_schema: { name: "response", schema: { type: "object" } },
    });
  });

  it("takes a signature of its own wrapping from a tool call back to whom it belongs", () => {
    const seal = { protocol: "gemini", provider: "gemini-cli", value: "a.b==" };
    const encoder = openaiChat.encoder({ id: "x", model: "m", created: 1, usage: false }, () => {});
    encoder.event({ type: "tool-start", index: 0, id: "t", name: "f" }, () => {});
    encoder.event({ type: "seal", index: 0, seal }, () => {});
    const [choice] = encoder.body()["choices"] as unknown as { message: JsonObject }[];
    const body = textBody(JSON.stringify({ model: "m", messages: [choice!.message] }));
    const [part] = openaiChat.decodeRequest(body, request).messages[0]!.parts;
    expect(part).toEqual({ type: "tool-call", id: "t", name: "f", input: "", seal });
  });
});
