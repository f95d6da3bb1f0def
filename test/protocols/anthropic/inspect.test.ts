import { describe, expect, it } from "vitest";
import { ProxyError } from "../../../src/failure/error.ts";
import type { Json } from "../../../src/protocols/canonical.ts";
import { anthropic } from "../../../src/protocols/anthropic/index.ts";
import { textBody } from "../../../src/wire/body.ts";

const generating = new Request("http://localhost/v1/messages", { method: "POST" });
const counted = new Request("http://localhost/v1/messages/count_tokens?beta=true", { method: "POST" });
const hello = { role: "user", content: "hello" };
const fine = { model: "m", max_tokens: 9, messages: [hello] };

function refused(body: Json, request = generating): string | undefined {
  try {
    anthropic.inspect(request, textBody(JSON.stringify(body)));
  } catch (error) {
    if (ProxyError.is(error) && error.kind === "invalid_request") return error.param ?? "body";
    throw error;
  }
  return undefined;
}

describe("inspect", () => {
  it.each<[Json, boolean]>([
    [fine, false],
    [{ ...fine, stream: null }, false],
    [{ ...fine, stream: true, unheard_of: 1 }, true],
    [{ ...fine, max_tokens: 0 }, false],
    [{ ...fine, messages: [{ role: "narrator", content: [{ type: "hologram" }] }] }, false],
  ])("reads %j", (body, stream) => {
    expect(anthropic.inspect(generating, textBody(JSON.stringify(body)))).toEqual({ model: "m", stream, usage: true });
  });

  it.each<[Json, string]>([
    [[], "body"],
    [{ ...fine, model: undefined as never }, "model"],
    [{ ...fine, model: "" }, "model"],
    [{ ...fine, model: 7 }, "model"],
    [{ ...fine, stream: "yes" }, "stream"],
    [{ model: "m", messages: [hello] }, "max_tokens"],
    [{ ...fine, max_tokens: "9" }, "max_tokens"],
    [{ ...fine, max_tokens: 1.5 }, "max_tokens"],
    [{ ...fine, max_tokens: -1 }, "max_tokens"],
    [{ model: "m", max_tokens: 9 }, "messages"],
    [{ ...fine, messages: "hi" }, "messages"],
    [{ ...fine, messages: [] }, "messages"],
    [{ ...fine, messages: ["hi"] }, "messages.0"],
    [{ ...fine, messages: [{ content: "hi" }] }, "messages.0.role"],
    [{ ...fine, messages: [{ role: 1, content: "hi" }] }, "messages.0.role"],
    [{ ...fine, messages: [hello, { role: "user" }] }, "messages.1.content"],
    [{ ...fine, messages: [{ role: "user", content: { type: "text" } }] }, "messages.0.content"],
    [{ ...fine, messages: [{ role: "user", content: ["hi"] }] }, "messages.0.content.0"],
    [{ ...fine, messages: [{ role: "user", content: [{ text: "hi" }] }] }, "messages.0.content.0.type"],
    [{ ...fine, system: 5 }, "system"],
    [{ ...fine, tools: {} }, "tools"],
    [{ ...fine, stop_sequences: "END" }, "stop_sequences"],
  ])("refuses %j for %s", (body, param) => {
    expect(refused(body)).toBe(param);
  });

  it("asks for max_tokens only where something is generated", () => {
    expect(refused({ model: "m", messages: [hello] }, counted)).toBeUndefined();
    expect(refused({ model: "m" }, counted)).toBe("messages");
  });

  it("says what is wrong as the API does", () => {
    expect(() => anthropic.inspect(generating, textBody('{"model":"m","messages":[]}'))).toThrow(
      "max_tokens: Field required",
    );
  });

  it("refuses a role it would have to translate and cannot", () => {
    const body = textBody(JSON.stringify({ ...fine, messages: [{ role: "narrator", content: "hi" }] }));
    expect(() => anthropic.decodeRequest(body, generating)).toThrow('messages.0: Unexpected role "narrator"');
  });
});

describe("retarget", () => {
  const retargeted = (text: string): string => anthropic.retarget(textBody(text), "other", {}).text;

  it("F10 changes nothing but the model in a request the API accepts", () => {
    const text = '{ "model" : "m","max_tokens":9,"x":1.0,"messages":[{"role":"user","content":"hi"}] }';
    expect(retargeted(text)).toBe(text.replace('"m"', '"other"'));
  });

  it.each<[string, Json, Json]>([
    [
      "empty texts",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "" },
              { type: "text", text: "a" },
            ],
          },
        ],
      },
      { messages: [{ role: "user", content: [{ type: "text", text: "a" }] }] },
    ],
    [
      "white space at the end of a turn to go on with",
      { messages: [hello, { role: "assistant", content: "It is " }] },
      { messages: [hello, { role: "assistant", content: "It is" }] },
    ],
    [
      "an assistant that begins",
      { messages: [{ role: "assistant", content: "Hi" }, hello] },
      { messages: [{ role: "user", content: "." }, { role: "assistant", content: "Hi" }, hello] },
    ],
    [
      "stop sequences of white space",
      { messages: [hello], stop_sequences: ["\n", "END"] },
      { messages: [hello], stop_sequences: ["END"] },
    ],
    [
      "a temperature beside thinking",
      { messages: [hello], temperature: 0.3, thinking: { type: "adaptive" } },
      { messages: [hello], thinking: { type: "adaptive" } },
    ],
    [
      "thinking beside a forced call",
      {
        messages: [hello],
        max_tokens: 9000,
        tools: [{ name: "f", input_schema: { type: "object" } }],
        tool_choice: { type: "any" },
        thinking: { type: "enabled", budget_tokens: 2000 },
      },
      {
        messages: [hello],
        max_tokens: 9000,
        tools: [{ name: "f", input_schema: { type: "object" } }],
        tool_choice: { type: "any" },
      },
    ],
    [
      "a budget above the limit",
      { messages: [hello], max_tokens: 4000, thinking: { type: "enabled", budget_tokens: 8000 } },
      { messages: [hello], max_tokens: 4000, thinking: { type: "enabled", budget_tokens: 2000 } },
    ],
  ])("mends %s, which the API would refuse", (_, body, mended) => {
    const given = { model: "m", max_tokens: 9, ...(body as object) };
    expect(JSON.parse(retargeted(JSON.stringify(given)))).toEqual({
      model: "other",
      max_tokens: 9,
      ...(mended as object),
    });
  });
});

describe("counting", () => {
  const codec = anthropic.counting!;

  it("asks for a count without what steers the generation", () => {
    const request = {
      model: "m",
      stream: true,
      messages: [{ role: "user" as const, parts: [{ type: "text" as const, text: "hi" }] }],
    };
    const body = codec.encodeRequest({ ...request, maxTokens: 5, temperature: 0.1, stop: ["x"], user: "u" }, () => {});
    expect(body.json).toEqual({ model: "m", messages: [{ role: "user", content: "hi" }] });
  });

  it("gives a request for a count back as it came", () => {
    const json = {
      model: "m",
      system: "s",
      messages: [hello],
      tools: [{ name: "f", input_schema: { type: "object" } }],
    };
    expect(codec.encodeRequest(codec.decodeRequest(textBody(JSON.stringify(json)), counted), () => {}).json).toEqual(
      json,
    );
    expect(codec.retarget(textBody(JSON.stringify(json)), "n").json).toEqual({ ...json, model: "n" });
  });

  it("reads and writes the answer", () => {
    expect(codec.decodeAnswer({ input_tokens: 12 })).toBe(12);
    expect(codec.decodeAnswer({ tokens: 12 })).toBeUndefined();
    expect(codec.encodeAnswer(12)).toEqual({ input_tokens: 12 });
  });

  it("has a path for each operation", () => {
    expect(anthropic.path("m", true, "generate")).toBe("/messages");
    expect(anthropic.path("m", false, "count-tokens")).toBe("/messages/count_tokens");
  });
});
