/** Rules C1, C2, C4 and C5: a client that leaves ends the upstream's work at once, in every phase. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { H3 } from "h3";
import { describe, expect, it } from "vitest";
import { definePlugin } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import {
  answer,
  chunk,
  cut,
  gate,
  hangAfterHeaders,
  readEvents,
  silence,
  status,
  type Step,
  stream,
} from "waygate/testing";
import { type Bench, bench, closing, readToEnd, watcher, ways } from "./_streams.ts";

const role = chunk({ role: "assistant", content: "" });
const usage = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 };

interface Phase {
  readonly name: string;
  readonly step: () => Step;
  readonly stream: boolean;
  /** True when the client has its headers before it leaves. */
  readonly answered?: true;
}

const phases: readonly Phase[] = [
  { name: "before the headers of a stream", step: silence, stream: true },
  { name: "before the headers of a whole answer", step: silence, stream: false },
  { name: "after the headers of a stream", step: () => hangAfterHeaders(stream([])), stream: true },
  { name: "before the first token", step: () => stream([role, gate()]), stream: true },
  {
    name: "in the middle of a stream",
    step: () => stream([role, chunk({ content: "a" }), gate()]),
    stream: true,
    answered: true,
  },
  { name: "in the body of a whole answer", step: () => cut(answer({ text: "long" }), "json", "hang"), stream: false },
  { name: "in a stream that is folded", step: () => stream([chunk({ content: "a" }), gate()]), stream: false },
  { name: "in a body that becomes a stream", step: () => cut(answer({ as: "json" }), "json", "hang"), stream: true },
  { name: "in the body of a failed answer", step: () => cut(status(500, { error: "boom" }), 5, "hang"), stream: true },
];

/** Leaves once the upstream stands where the phase is, and waits until that is noticed. */
async function leaveIn({ proxy, upstream }: Bench, phase: Phase): Promise<void> {
  const leaving = new AbortController();
  const sent = proxy.chat({ model: "lab/m", stream: phase.stream }, { signal: leaving.signal });
  const request = await upstream.received(1);
  let rest: Promise<unknown> = sent;
  if (phase.answered) {
    const events = readEvents(await sent);
    await events.next();
    rest = Array.fromAsync(events);
  } else await settled();
  leaving.abort();
  const failed = await rest.catch((error: unknown) => error);
  expect(failed).toMatchObject({ name: "AbortError" });
  expect(await request.closed).toBe("client");
}

/** Long enough for what a loopback upstream has written to be read. */
async function settled(): Promise<void> {
  await sleep(15);
  await turn();
}

describe.each(ways)("on the path of %s", (_way, plugins) => {
  it.each(phases)("C1 C2 leaving $name closes the upstream and asks nobody else (report 19)", async (phase) => {
    const watch = watcher();
    const { proxy, upstream } = await bench({ listen: true, plugins: [...plugins(), watch.plugin, cooldown()] });
    upstream.reply(phase.step());
    await leaveIn({ proxy, upstream }, phase);

    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "client-aborted", status: phase.answered ? 200 : 499 });
    expect(ctx.signal.aborted).toBe(true);
    expect(ctx.attempts).toHaveLength(1);
    expect(watch.told).toEqual([]);
    expect(watch.cleaned).toEqual([0]);
    await settled();
    expect(upstream.requests).toHaveLength(1);
    expect(upstream.open).toBe(0);
    expect(proxy.records).toHaveLength(1);
  });
});

it.each([true, false])("C1 leaving while the connection is being made ends it (stream: %s)", async (asked) => {
  // TLS to a server that never says a word: the connection stays in the making.
  const accepted = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("close", () => closed.resolve());
    socket.once("data", () => accepted.resolve());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing({ [Symbol.asyncDispose]: async () => void (await new Promise((resolve) => server.close(resolve))) });
  const { port } = server.address() as AddressInfo;
  const { proxy } = await bench({ listen: true, lab: { baseURL: `https://127.0.0.1:${port}/v1` } });

  const leaving = new AbortController();
  const sent = proxy.chat({ model: "lab/m", stream: asked }, { signal: leaving.signal });
  await accepted.promise;
  leaving.abort();
  await expect(sent).rejects.toMatchObject({ name: "AbortError" });
  await closed.promise;
  const { outcome, ctx } = await proxy.recorded(1);
  expect(outcome).toMatchObject({ end: "client-aborted", status: 499 });
  expect(ctx.attempts).toHaveLength(1);
});

it.each([true, false])("C1 C2 leaving during a pause between attempts ends the pause (stream: %s)", async (asked) => {
  const failed = Promise.withResolvers<void>();
  const patient = definePlugin({
    name: "patient",
    hooks: {
      fail() {
        failed.resolve();
        return { then: "next", after: 600_000 };
      },
    },
  });
  const { proxy, upstream } = await bench({ listen: true, plugins: [patient], retry: { deadline: 10_000_000 } });
  upstream.always(status(500, { error: { message: "down" } }));
  const leaving = new AbortController();
  const sent = proxy.chat({ model: "lab/m", stream: asked }, { signal: leaving.signal });
  await failed.promise;
  await settled();
  leaving.abort();
  await expect(sent).rejects.toMatchObject({ name: "AbortError" });
  const { outcome, ctx } = await proxy.recorded(1);
  expect(outcome).toMatchObject({ end: "client-aborted", status: 499 });
  expect(ctx.attempts).toHaveLength(1);
  await settled();
  expect(upstream.requests).toHaveLength(1);
});

it("C1 leaving while a plugin works ends the request though the plugin does not listen", async () => {
  for (const stage of ["transform", "call"] as const) {
    const begun = Promise.withResolvers<void>();
    const deaf = definePlugin({
      name: "deaf",
      hooks: {
        [stage]: () => {
          begun.resolve();
          return new Promise<never>(() => {});
        },
      },
    });
    const watch = watcher();
    const { proxy, upstream } = await bench({ listen: true, plugins: [watch.plugin, deaf] });
    const leaving = new AbortController();
    const sent = proxy.chat({ model: "lab/m" }, { signal: leaving.signal });
    await begun.promise;
    leaving.abort();
    await expect(sent).rejects.toMatchObject({ name: "AbortError" });
    expect((await proxy.recorded(1)).outcome.end).toBe("client-aborted");
    expect(watch.cleaned).toEqual([0]);
    expect(upstream.requests).toEqual([]);
  }
});

it("C2 a request whose client left before it began is not sent", async () => {
  const { proxy, upstream } = await bench();
  const leaving = new AbortController();
  leaving.abort();
  const request = new Request(`${proxy.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "x" }] }),
    signal: leaving.signal,
  });
  await proxy.proxy.fetch(request).catch(() => {});
  await settled();
  expect(upstream.requests).toEqual([]);
});

describe("C4 the body as a web stream", () => {
  const streaming = stream([chunk({ content: "a" }), chunk({ content: "b" }), gate()], { noDone: true });
  const leave: readonly [string, (response: Response) => Promise<unknown>][] = [
    ["cancel() unread", (response) => response.body!.cancel("enough")],
    [
      "a reader's cancel() after some of it",
      async (response) => {
        const reader = response.body!.getReader();
        await reader.read();
        await reader.cancel("enough");
      },
    ],
    [
      "the end of a loop",
      async (response) => {
        for await (const _ of response.body!) break;
      },
    ],
    [
      "cancel() of a stream piped through another",
      async (response) => response.body!.pipeThrough(new TransformStream()).cancel("enough"),
    ],
  ];

  for (const [way, plugins] of ways) {
    it.each(leave)(`C4 %s reaches the upstream (path of ${way})`, async (_name, go) => {
      const watch = watcher();
      const { proxy, upstream } = await bench({ plugins: [...plugins(), watch.plugin] });
      upstream.reply(streaming);
      await go(await proxy.chat({ model: "lab/m", stream: true }));
      expect(await upstream.requests[0]!.closed).toBe("client");
      expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "client-aborted", status: 200 });
      expect(watch.cleaned).toEqual([0]);
      expect(watch.told).toEqual([]);
      await turn();
      expect(proxy.records).toHaveLength(1);
    });
  }

  it("C4 through h3: cancel() of the host's answer reaches the upstream", async () => {
    const { proxy, upstream } = await bench();
    upstream.reply(streaming);
    const host = new H3().mount("/llm", proxy.proxy);
    const response = await host.fetch(
      new Request("http://localhost/llm/v1/chat/completions", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "lab/m", stream: true, messages: [{ role: "user", content: "x" }] }),
      }),
    );
    expect(response.status).toBe(200);
    await response.body!.cancel();
    expect(await upstream.requests[0]!.closed).toBe("client");
    expect((await proxy.recorded(1)).outcome.end).toBe("client-aborted");
  });

  it("C4 leaving a stream that is complete already changes nothing", async () => {
    const { proxy, upstream } = await bench();
    upstream.reply(answer({ text: "done" }));
    const response = await proxy.chat({ model: "lab/m", stream: true });
    await proxy.recorded(1);
    await response.body!.cancel();
    await turn();
    expect(proxy.records.map(({ outcome }) => outcome.end)).toEqual(["complete"]);
  });
});

describe.each(ways)("on the path of %s", (_way, plugins) => {
  it("C5 usage seen before the client left is recorded", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(stream([chunk({ content: "a" }, { usage }), chunk({ content: "b" }), gate()], { noDone: true }));
    const leaving = new AbortController();
    const response = await proxy.chat({ model: "lab/m", stream: true }, { signal: leaving.signal });
    const events = readEvents(response);
    for (let text = ""; text !== "ab";) {
      const event = (await events.next()).value;
      text += /"content":"([ab])"/.exec(event?.data ?? "")?.[1] ?? "";
    }
    leaving.abort();
    expect((await readToEnd(response).catch(() => ({ text: "" }))).text).toBe("");
    const { outcome } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "client-aborted", usage: { input: 7, output: 2 } });
    expect(outcome.bytes).toBeGreaterThan(0);
  });
});
