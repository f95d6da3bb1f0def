/** Rules B1, B8 and B15 for every pair of protocols: how a stream that broke, or lacks its last word, ends. */
import { describe, expect, it } from "vitest";
import {
  allEvents,
  cut,
  gate,
  type Piece,
  type ReadEvent,
  readEvents,
  type Step,
  virtualClock,
  type Wait,
} from "waygate/testing";
import { change } from "../../src/testing/reply-changes.ts";
import { mixed } from "../pipeline/_mixed.ts";
import { wires } from "../sdk/_upstreams.ts";
import type { ProtocolId } from "../sdk/wire/types.ts";

const protocols = ["openai-chat", "openai-responses", "anthropic", "gemini"] as const;
const pairs = protocols.flatMap((client) => protocols.map((upstream) => [client, upstream] as const));

const asks: { readonly [Id in ProtocolId]: readonly [path: string, body: object] } = {
  "openai-chat": ["/v1/chat/completions", { messages: [{ role: "user", content: "hi" }], stream: true }],
  "openai-responses": ["/v1/responses", { input: "hi", stream: true }],
  anthropic: ["/v1/messages", { messages: [{ role: "user", content: "hi" }], max_tokens: 100, stream: true }],
  gemini: [
    "/v1beta/models/up/m:streamGenerateContent?alt=sse",
    { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
  ],
};

/** Of an answer only what has been said when the words `some ` are, then the waits. */
function begun(protocol: ProtocolId, ...waits: readonly Wait[]): Step {
  return change(wires[protocol].says({ text: "some words of an answer that is longer" }), (reply) => {
    const said = reply.body.findIndex((piece) => Buffer.from(piece as Uint8Array).includes("some "));
    return { ...reply, body: [...reply.body.slice(0, said + 1), ...waits] };
  });
}

/** Whether the last events are what clients of the protocol raise on. */
const failed: { readonly [Id in ProtocolId]: (events: readonly ReadEvent[]) => void } = {
  "openai-chat": (events) => expect(events.at(-1)?.json).toHaveProperty("error.message"),
  "openai-responses"(events) {
    expect(events.slice(-2).map(({ event }) => event)).toEqual(["error", "response.failed"]);
    expect(events.at(-1)?.json).toMatchObject({ type: "response.failed", response: { status: "failed" } });
  },
  anthropic(events) {
    expect(events.at(-1)).toMatchObject({
      event: "error",
      json: { type: "error", error: { type: expect.stringMatching(/^(?:api|timeout)_error$/) as string } },
    });
    expect(events.some(({ event }) => event === "message_stop")).toBe(false);
  },
  gemini: (events) => expect(events.at(-1)?.json).toHaveProperty("error.status"),
};

describe.each(pairs)("a client of %s before an upstream of %s", (client, upstream) => {
  const [path, body] = asks[client];
  const ask = (proxy: { fetch(path: string, init: RequestInit): Promise<Response> }): Promise<Response> =>
    proxy.fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "up/m", ...body }),
    });

  it.each([
    ["closes the connection", (step: Step) => cut(step, Infinity, "destroy")],
    ["ends the body", (step: Step) => cut(step, Infinity, "complete")],
  ] as const)(
    "B1 an upstream that %s in the middle is an error of the client's protocol (report 3)",
    async (_name, how) => {
      const { proxy, upstreams } = await mixed({ up: upstream });
      upstreams["up"]!.always(how(begun(upstream)));
      const response = await ask(proxy);
      expect(response.status).toBe(200);
      const events = await allEvents(response);
      expect(events.map(({ data }) => data).join("")).toContain("some ");
      failed[client](events);
      const { outcome } = await proxy.recorded(1);
      expect(outcome).toMatchObject({ end: "upstream-failed", status: 200 });
    },
  );

  it("B1 an upstream that falls silent in the middle is an error of the client's protocol", async () => {
    const clock = virtualClock();
    const { proxy, upstreams } = await mixed({ up: upstream }, { runtime: { clock } });
    upstreams["up"]!.always(begun(upstream, gate()));
    const response = await ask(proxy);
    const events: ReadEvent[] = [];
    for await (const event of readEvents(response)) {
      events.push(event);
      if (event.data.includes("some ")) await clock.advance(181_000);
    }
    failed[client](events);
    const { outcome } = await proxy.recorded(1);
    expect(outcome.error?.kind).toBe("timeout");
    expect(await upstreams["up"]!.requests[0]!.closed).toBe("client");
  });
});

it.each([
  ["openai-chat", /^data: \[DONE\]\n\n$/],
  ["anthropic", /^event: message_stop\n.*\n\n$/],
] as const)(
  "B8 the last word of %s is added where an upstream that has finished leaves it out",
  async (protocol, last) => {
    const { proxy, upstreams } = await mixed({ up: protocol });
    const isLast = (piece: Piece): boolean => last.test(Buffer.from(piece as Uint8Array).toString());
    upstreams["up"]!.always(
      change(wires[protocol].says({ text: "all of it" }), (reply) => ({
        ...reply,
        body: reply.body.filter((piece) => !isLast(piece)),
      })),
    );
    const [path, body] = asks[protocol];
    const response = await proxy.fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "up/m", ...body }),
    });
    const text = await response.text();
    const frames = text.split(/(?<=\n\n)/);
    expect(frames.filter((frame) => last.test(frame))).toEqual([frames.at(-1)]);
    const { outcome } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "complete", path: "bytes", bytes: Buffer.byteLength(text) });
  },
);
