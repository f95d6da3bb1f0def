import { describe, expect, it } from "vitest";
import { ProxyError } from "../../src/failure/error.ts";
import type { Wire } from "../../src/plugin/provider.ts";
import type { SendOptions } from "../../src/runtime.ts";
import { answer } from "../../src/testing/answer.ts";
import { cut, later } from "../../src/testing/reply-changes.ts";
import { drop, gate, pause, silence, status } from "../../src/testing/script.ts";
import { virtualClock } from "../../src/testing/virtual-clock.ts";
import { virtualResponse } from "../../src/testing/virtual-response.ts";
import { scripted, virtualTransport, type VirtualHandler } from "../../src/testing/virtual-transport.ts";
import { jsonBody } from "../../src/wire/body.ts";

const wire = (body: object = { model: "m" }): Wire => ({
  url: "http://upstream.test/v1/chat/completions?x=1",
  method: "POST",
  headers: { authorization: "Bearer k1" },
  body: jsonBody(body as Parameters<typeof jsonBody>[0]),
});

const setup = (handler: VirtualHandler) => {
  const clock = virtualClock({ start: 0 });
  const leaving = new AbortController();
  const transport = virtualTransport(handler, { clock });
  const send = (limits: Partial<SendOptions> = {}, body?: object): Promise<Response> =>
    transport.send(wire(body), { signal: leaving.signal, connectTimeout: 0, headersTimeout: 0, ...limits });
  return { clock, leaving, send };
};

/** How a promise ends, and when. */
const fate = (promise: Promise<unknown>, clock: { now(): number }): Promise<unknown> =>
  promise.then(
    (value) => ({ at: clock.now(), value }),
    (error: unknown) => ({ at: clock.now(), kind: (error as ProxyError).kind, branded: ProxyError.is(error) }),
  );

describe("virtualTransport", () => {
  it("answers with what the handler returns and shows it the request", async () => {
    const { send } = setup((seen, call) => Response.json({ url: seen.url, index: call.index }));
    expect(await (await send()).json()).toEqual({ url: wire().url, index: 0 });
    expect(await (await send()).json()).toMatchObject({ index: 1 });
  });

  it("reads a body that is sent while it arrives", async () => {
    const clock = virtualClock({ start: 0 });
    const transport = virtualTransport(
      scripted((request) => status(200, request.body)),
      { clock },
    );
    const stream = {
      contentType: "text/plain",
      length: undefined,
      repeatable: true,
      async *open() {
        yield Buffer.from("a");
        yield Buffer.from("b");
      },
    };
    const limits = { signal: new AbortController().signal, connectTimeout: 0, headersTimeout: 0 };
    const response = await transport.send({ ...wire(), body: undefined, stream }, limits);
    expect(await response.text()).toBe("ab");
  });

  it("rejects with a ProxyError the handler returns", async () => {
    const { send } = setup(() => new ProxyError({ kind: "network", message: "refused" }));
    await expect(send()).rejects.toMatchObject({ kind: "network", message: "refused" });
  });

  it("delivers the pieces of a body at their virtual times", async () => {
    const { clock, send } = setup((_, call) => virtualResponse(["a", pause(100), "b", pause(50), "c"], call));
    const got: string[] = [];
    const reading = (async () => {
      const response = await send();
      for await (const chunk of response.body!) got.push(`${Buffer.from(chunk).toString()}@${clock.now()}`);
    })();
    await clock.advance(149);
    expect(got).toEqual(["a@0", "b@100"]);
    await clock.advance(1);
    await reading;
    expect(got).toEqual(["a@0", "b@100", "c@150"]);
  });

  it("times out when headers do not come, and tells the handler", async () => {
    let told: unknown;
    const { clock, send } = setup((_, call) => {
      call.signal.addEventListener("abort", () => (told = clock.now()));
      return new Promise<Response>(() => {});
    });
    const end = fate(send({ headersTimeout: 3000 }), clock);
    await clock.advance(10_000);
    expect(await end).toEqual({ at: 3000, kind: "timeout", branded: true });
    expect([told, clock.pending]).toEqual([3000, 0]);
  });

  it("measures connecting on its own, and headers from there", async () => {
    const slow: VirtualHandler = async (_, call) => {
      await call.connect(500);
      await call.wait(900);
      return new Response("ok");
    };
    const first = setup(slow);
    const refused = fate(first.send({ connectTimeout: 400, headersTimeout: 300 }), first.clock);
    await first.clock.advance(2000);
    expect(await refused).toMatchObject({ at: 400, kind: "timeout" });

    const second = setup(slow);
    const stalled = fate(second.send({ connectTimeout: 600, headersTimeout: 800 }), second.clock);
    await second.clock.advance(2000);
    expect(await stalled).toMatchObject({ at: 1300, kind: "timeout" });

    const third = setup(slow);
    const fine = third.send({ connectTimeout: 600, headersTimeout: 1000 });
    await third.clock.advance(2000);
    expect(await (await fine).text()).toBe("ok");
    expect(third.clock.pending).toBe(0);
  });

  it("does not call the handler for a signal that is aborted already", async () => {
    let called = 0;
    const { leaving, send } = setup(() => (called++, new Response("ok")));
    leaving.abort();
    await expect(send()).rejects.toMatchObject({ kind: "aborted" });
    expect(called).toBe(0);
  });

  it("rejects as aborted when the caller leaves before headers", async () => {
    const { clock, leaving, send } = setup(async (_, call) => (await call.wait(1000), new Response("late")));
    const end = fate(send(), clock);
    await clock.advance(10);
    leaving.abort();
    expect(await end).toEqual({ at: 10, kind: "aborted", branded: true });
    await clock.advance(0);
    expect(clock.pending).toBe(0);
  });

  it("fails the body when the caller leaves in the middle of it, however it was made", async () => {
    const plain = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(Buffer.from("a")) });
    for (const make of [
      (): Response => new Response(plain),
      (call: Parameters<VirtualHandler>[1]): Response => virtualResponse(["a", pause(1000), "b"], call),
    ]) {
      const { clock, leaving, send } = setup((_, call) => make(call));
      const reader = (await send()).body!.getReader();
      expect(Buffer.from((await reader.read()).value!).toString()).toBe("a");
      const end = fate(reader.read(), clock);
      await clock.advance(1);
      leaving.abort();
      expect(await end).toMatchObject({ at: 1, kind: "aborted" });
      await clock.advance(0);
      expect(clock.pending).toBe(0);
    }
  });

  it("leaves no timer behind when the reader cancels the body", async () => {
    let signal: AbortSignal | undefined;
    const { clock, send } = setup((_, call) => {
      signal = call.signal;
      return virtualResponse(["a", pause(1000), "b"], call);
    });
    const reader = (await send()).body!.getReader();
    await reader.read();
    void reader.read();
    await clock.advance(1);
    expect(clock.pending).toBe(1);
    await reader.cancel();
    expect([clock.pending, signal?.aborted]).toEqual([0, true]);
  });
});

describe("scripted", () => {
  it("plays the steps of the scripted upstream, in the form the request asks for", async () => {
    const { send } = setup(scripted(answer({ text: "hello there" })));
    expect(await (await send()).json()).toMatchObject({
      model: "m",
      choices: [{ message: { content: "hello there" } }],
    });
    const streamed = await send({}, { model: "m", stream: true });
    expect(streamed.headers.get("content-type")).toBe("text/event-stream");
    expect((await streamed.text()).endsWith("data: [DONE]\n\n")).toBe(true);
  });

  it("shows steps the key and the path", async () => {
    const { send } = setup(scripted((request) => status(200, { key: request.key, path: request.path })));
    expect(await (await send()).json()).toEqual({ key: "k1", path: "/v1/chat/completions?x=1" });
  });

  it("waits in virtual time and at gates", async () => {
    const held = gate();
    const { clock, send } = setup(scripted(later(status(429, "slow down", { "retry-after": "7" }), pause(2000), held)));
    const end = fate(
      send().then((response) => response.headers.get("retry-after")),
      clock,
    );
    await clock.advance(5000);
    await held.reached;
    held.open();
    expect(await end).toEqual({ at: 5000, value: "7" });
  });

  it("loses connections before and in the middle of an answer", async () => {
    const before = setup(scripted(drop()));
    await expect(before.send()).rejects.toMatchObject({ kind: "network", reset: true });
    const within = setup(scripted(cut(answer({ text: "hello" }), 20)));
    const reader = (await within.send()).body!.getReader();
    expect((await reader.read()).value).toHaveLength(20);
    await expect(reader.read()).rejects.toMatchObject({ kind: "network", reset: false });
  });

  it("is silent until a limit ends it", async () => {
    const { clock, send } = setup(scripted(silence()));
    const end = fate(send({ headersTimeout: 50 }), clock);
    await clock.advance(60);
    expect(await end).toMatchObject({ at: 50, kind: "timeout" });
  });
});
