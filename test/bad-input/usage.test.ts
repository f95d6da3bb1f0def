/** Token counts that cannot be, or are not there: of every protocol, whole and streamed, as they are and translated. */
import { describe, expect, it } from "vitest";
import type { Usage } from "waygate";
import { namedEvent, status, type Step, stream } from "waygate/testing";
import { mixed } from "../pipeline/_mixed.ts";
import type { ProtocolId } from "../sdk/wire/types.ts";

type Counts = unknown;

/** A short answer with these counts where the protocol has them; `undefined` leaves the object out. */
const answers: { readonly [Id in ProtocolId]: (input: Counts, output: Counts) => Step } = {
  "openai-chat": (input, output) => (request) => {
    const usage = { ...(input !== undefined && { usage: { prompt_tokens: input, completion_tokens: output } }) };
    if (!request.stream) {
      const choices = [{ index: 0, message: { role: "assistant", content: "said" }, finish_reason: "stop" }];
      return status(200, { id: "c", object: "chat.completion", created: 1, model: "m", choices, ...usage });
    }
    const chunk = (delta: object, finish: string | null): object => ({
      id: "c",
      object: "chat.completion.chunk",
      created: 1,
      model: "m",
      choices: [{ index: 0, delta, finish_reason: finish }],
    });
    return stream([chunk({ role: "assistant", content: "said" }, null), { ...chunk({}, "stop"), ...usage }]);
  },
  "openai-responses": (input, output) => (request) => {
    const usage = { ...(input !== undefined && { usage: { input_tokens: input, output_tokens: output } }) };
    const item = {
      type: "message",
      id: "i",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: "said", annotations: [] }],
    };
    const response = { id: "r", object: "response", status: "completed", model: "m", output: [item], ...usage };
    if (!request.stream) return status(200, response);
    const send = (type: string, fields: object): object => namedEvent(type, { type, ...fields });
    const place = { item_id: "i", output_index: 0, content_index: 0 };
    return stream(
      [
        send("response.created", { response: { ...response, status: "in_progress", output: [] } }),
        send("response.output_item.added", { output_index: 0, item: { ...item, status: "in_progress", content: [] } }),
        send("response.content_part.added", { ...place, part: { type: "output_text", text: "", annotations: [] } }),
        send("response.output_text.delta", { ...place, delta: "said" }),
        send("response.output_text.done", { ...place, text: "said" }),
        send("response.output_item.done", { output_index: 0, item }),
        send("response.completed", { response }),
      ],
      { noDone: true },
    );
  },
  anthropic: (input, output) => (request) => {
    const usage = { ...(input !== undefined && { usage: { input_tokens: input, output_tokens: output } }) };
    const head = { id: "msg_1", type: "message", role: "assistant", model: "m", stop_sequence: null };
    const content = [{ type: "text", text: "said" }];
    if (!request.stream) return status(200, { ...head, content, stop_reason: "end_turn", ...usage });
    const send = (type: string, fields: object): object => namedEvent(type, { type, ...fields });
    return stream(
      [
        send("message_start", { message: { ...head, content: [], stop_reason: null, ...usage } }),
        send("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
        send("content_block_delta", { index: 0, delta: { type: "text_delta", text: "said" } }),
        send("content_block_stop", { index: 0 }),
        send("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, ...usage }),
        send("message_stop", {}),
      ],
      { noDone: true },
    );
  },
  gemini: (input, output) => (request) => {
    const usage = {
      ...(input !== undefined && { usageMetadata: { promptTokenCount: input, candidatesTokenCount: output } }),
    };
    const candidates = [{ content: { role: "model", parts: [{ text: "said" }] }, finishReason: "STOP", index: 0 }];
    const body = { candidates, modelVersion: "m", responseId: "r", ...usage };
    return request.path.includes("stream") ? stream([body], { noDone: true }) : status(200, body);
  },
};

const protocols = ["openai-chat", "openai-responses", "anthropic", "gemini"] as const;

const clients: { readonly [Id in ProtocolId]: (stream: boolean) => readonly [path: string, body: object] } = {
  "openai-chat": (streamed) => [
    "/v1/chat/completions",
    {
      model: "up/m",
      messages: [{ role: "user", content: "hi" }],
      stream: streamed,
      stream_options: { include_usage: true },
    },
  ],
  "openai-responses": (streamed) => ["/v1/responses", { model: "up/m", input: "hi", stream: streamed, store: false }],
  anthropic: (streamed) => [
    "/v1/messages",
    { model: "up/m", max_tokens: 9, messages: [{ role: "user", content: "hi" }], stream: streamed },
  ],
  gemini: (streamed) => [
    `/v1beta/models/up/m:${streamed ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
  ],
};

const cases: readonly (readonly [string, Counts, Counts])[] = [
  ["negative", -5, -1],
  ["missing", undefined, undefined],
  ["null", null, null],
  ["texts", "5", "1"],
  ["lists", [5], {}],
  ["half there", null, 7],
  ["beyond all sense", 1e300, 1e300],
  ["fractions", 0.5, 1.5],
];

function counts(usage: Usage | undefined): readonly (number | undefined)[] {
  return usage ? [usage.input, usage.output, usage.cacheRead, usage.cacheWrite, usage.reasoning] : [];
}

describe.each(cases)("usage that is %s", (name, input, output) => {
  it.each(protocols)("is nobody's count below zero, and the answer goes through: %s", async (protocol) => {
    const setup = await mixed({ up: protocol });
    setup.upstreams["up"]!.when(() => true, answers[protocol](input, output));
    let asked = 0;
    for (const client of protocols) {
      for (const streamed of [false, true]) {
        const reply = await setup.post(...clients[client](streamed));
        expect([client, streamed, reply.status]).toEqual([client, streamed, 200]);
        expect(reply.text).toContain("said");
        const { outcome } = await setup.proxy.recorded(++asked);
        expect(outcome.end).toBe("complete");
        for (const count of counts(outcome.usage)) {
          if (count !== undefined) expect([client, count >= 0 && Number.isFinite(count)]).toEqual([client, true]);
        }
        // What is translated is made here, so there must be nothing in it that is no count.
        if (client !== protocol)
          expect(reply.text).not.toMatch(/"(?!max_)\w*(?:_tokens|TokenCount)"\s*:\s*(?:-|"|null|\[)/);
        if (name === "missing" || name === "negative") expect(outcome.usage?.output ?? 0).toBe(0);
      }
    }
  });
});

it("usage beyond what a number holds is none", async () => {
  const setup = await mixed({ up: "openai-chat" });
  const choices = [{ index: 0, message: { role: "assistant", content: "said" }, finish_reason: "stop" }];
  const body = JSON.stringify({ id: "c", object: "chat.completion", created: 1, model: "m", choices, usage: "@" });
  const text = body.replace('"@"', '{"prompt_tokens":1e400,"completion_tokens":3}');
  setup.upstreams["up"]!.when(() => true, status(200, text, { "content-type": "application/json" }));
  const reply = await setup.post(...clients.anthropic(false));
  expect(reply.json["usage"]).toMatchObject({ input_tokens: 0, output_tokens: 3 });
  const { outcome } = await setup.proxy.recorded(1);
  expect(outcome.usage?.input).toBeUndefined();
});
