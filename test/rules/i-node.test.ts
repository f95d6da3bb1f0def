/** Rules I1 to I6: what Node's own HTTP does that a proxy must not pass on, over whole proxies and real sockets. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type IncomingHttpHeaders, request as httpRequest, type Server } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request as undiciRequest } from "undici";
import { afterEach, describe, expect, it, vi } from "vitest";
import { definePlugin } from "waygate";
import {
  allEvents,
  answer,
  chunk,
  cut,
  encoded,
  forever,
  gate,
  hangAfterHeaders,
  later,
  readEvents,
  silence,
  status,
  type Step,
  stream,
  textOfEvents,
  withHeaders,
} from "waygate/testing";
import { type Bench, bench, readToEnd, ways } from "./_streams.ts";

const off = { connect: 0, headers: 0, whole: 0, firstToken: 0, idle: 0, total: 0 };

afterEach(() => void vi.useRealTimers());

interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request without the help of `fetch`: headers as given, the body as it came. */
function rawPost(url: string, headers: { [name: string]: string }, body: object): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(url, { method: "POST", headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (data: Buffer) => chunks.push(data));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
      response.on("error", reject);
    });
    call.on("error", reject);
    call.end(JSON.stringify({ messages: [{ role: "user", content: "hello" }], ...body }));
  });
}

describe("I1 undici's own limits", () => {
  /** Lets seven minutes pass for every timer of the process, sockets going on meanwhile. */
  async function sevenMinutes(): Promise<void> {
    for (let second = 0; second < 420; second++) {
      vi.advanceTimersByTime(1000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const fakeTimers = (): void =>
    void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });

  it.each([
    ["before the headers of a stream", (wait: ReturnType<typeof gate>) => later(answer(), wait), true],
    ["before the headers of a whole answer", (wait: ReturnType<typeof gate>) => later(answer(), wait), false],
    [
      "inside a stream",
      (wait: ReturnType<typeof gate>) =>
        stream([chunk({ content: "o" }), wait, chunk({ content: "k" }, { finish: "stop" })]),
      true,
    ],
    ["inside a whole answer", (wait: ReturnType<typeof gate>) => halved(wait), false],
  ] as const)("I1 six minutes of silence %s are waited out", async (_name, step, asked) => {
    fakeTimers();
    const { proxy, upstream } = await bench({ timeouts: off });
    const wait = gate();
    upstream.reply(step(wait));
    const sent = proxy.chat({ model: "lab/m", stream: asked }).then(readToEnd);
    await wait.reached;
    await sevenMinutes();
    wait.open();
    const { text, broke } = await sent;
    expect(broke).toBeUndefined();
    expect(text.replace(/"content":"o"[^]*"content":"k"/, '"content":"ok"')).toContain('"content":"ok"');
    expect((await proxy.recorded(1)).outcome.end).toBe("complete");
  });

  it("I1 the same silence ends a request of an undici that is left as it comes", async () => {
    fakeTimers();
    const { upstream } = await bench();
    const wait = gate();
    upstream.reply(later(answer(), wait));
    const dispatcher = new Agent();
    const sent = undiciRequest(`${upstream.url}/x`, { method: "POST", body: "{}", dispatcher }).catch(
      (error: unknown) => error,
    );
    await wait.reached;
    await sevenMinutes();
    expect(await sent).toMatchObject({ code: "UND_ERR_HEADERS_TIMEOUT" });
    await dispatcher.destroy();
  });
});

describe("I2 compressed answers", () => {
  it.each(["gzip", "br"] as const)("I2 %s is taken off and so are the headers that describe it", async (coding) => {
    for (const asked of [true, false]) {
      const { proxy, upstream } = await bench({ listen: true });
      upstream.reply(encoded(answer({ text: "Grüße 👋" }), coding));
      const got = await rawPost(
        `${proxy.url}/v1/chat/completions`,
        { "content-type": "application/json", "accept-encoding": "gzip, br" },
        { model: "lab/m", stream: asked },
      );
      expect(got.headers).not.toHaveProperty("content-encoding");
      expect(got.body.toString()).toContain("Grüße");
      if (got.headers["content-length"]) expect(Number(got.headers["content-length"])).toBe(got.body.length);
      expect((await proxy.recorded(1)).outcome.bytes).toBe(got.body.length);
    }
  });

  it("I2 a stale length of an answer that is written anew is not passed on", async () => {
    const { proxy, upstream } = await bench({ listen: true, plugins: ways[1]![1]() });
    upstream.reply(answer({ text: "ok" }));
    const got = await rawPost(
      `${proxy.url}/v1/chat/completions`,
      { "content-type": "application/json" },
      { model: "lab/m" },
    );
    expect(JSON.parse(got.body.toString())).toMatchObject({ choices: [{ message: { content: "ok" } }] });
    expect(Number(got.headers["content-length"] ?? got.body.length)).toBe(got.body.length);
  });

  it("I2 the reason in a compressed refusal is read", async () => {
    const { proxy, upstream } = await bench({ listen: true });
    upstream.reply(encoded(status(400, { error: { message: "messages are too odd", code: "odd" } }), "gzip"));
    const got = await rawPost(
      `${proxy.url}/v1/chat/completions`,
      { "content-type": "application/json" },
      { model: "lab/m" },
    );
    expect(got.status).toBe(400);
    expect(got.headers).not.toHaveProperty("content-encoding");
    expect(got.body.toString()).toContain("messages are too odd");
  });
});

describe("I3 headers", () => {
  it("I3 nothing of the client's connection, credentials and proxy headers goes upstream", async () => {
    const { proxy, upstream } = await bench({ listen: true });
    const mine = {
      "content-type": "application/json; charset=utf-8",
      connection: "close, x-hop",
      "x-hop": "1",
      "keep-alive": "timeout=9",
      te: "trailers",
      trailer: "x-end",
      "proxy-authorization": "Basic client",
      "proxy-connection": "keep-alive",
      expect: "",
      "accept-encoding": "gzip, br",
      "accept-language": "de",
      accept: "text/plain",
      authorization: "Bearer client-secret",
      "x-api-key": "client-secret",
      "x-goog-api-key": "client-secret",
      "api-key": "client-secret",
      cookie: "session=client-secret",
      origin: "http://127.0.0.1",
      referer: "http://127.0.0.1/client-secret",
      "user-agent": "client/1",
      "x-forwarded-for": "10.9.8.7",
      forwarded: "for=10.9.8.7",
      via: "1.1 client",
      "x-real-ip": "10.9.8.7",
      "x-request-id": "client-request",
      "x-waygate-fallback": "off",
      "x-waygate-session": "s1",
      "x-waygate-strict": "on",
      "x-waygate-whole-answer": "on",
      "x-stainless-os": "Linux",
      "openai-organization": "org-client",
      "openai-beta": "assistants=v2",
      "idempotency-key": "once",
    };
    const { expect: _none, ...headers } = mine;
    for (const asked of [true, false]) {
      const got = await rawPost(`${proxy.url}/v1/chat/completions`, headers, { model: "lab/m", stream: asked });
      expect(got.status).toBe(200);
    }
    for (const { headers: received } of upstream.requests) {
      const { "user-agent": agent, host, "content-length": _length, ...rest } = received;
      expect(agent).toMatch(/^waygate\//);
      expect(upstream.url).toContain(host!);
      expect(rest).toEqual({
        connection: "keep-alive",
        "content-type": "application/json",
        accept: rest["accept"],
        authorization: "Bearer k1",
        "openai-beta": "assistants=v2",
        "idempotency-key": "once",
      });
    }
    expect(upstream.requests.map(({ headers: received }) => received["accept"])).toEqual([
      "text/event-stream",
      "application/json",
    ]);
  });

  it("I3 nothing of the upstream's connection reaches the client", async () => {
    const { proxy, upstream } = await bench({ listen: true });
    upstream.always(
      withHeaders(answer(), {
        "keep-alive": "timeout=77",
        "set-cookie": "upstream=1",
        server: "gpu-1",
        "x-powered-by": "gpu",
        "x-ratelimit-remaining-requests": "41",
        "x-request-id": "up-1",
        "access-control-allow-origin": "https://upstream.test",
      }),
    );
    const got = await rawPost(
      `${proxy.url}/v1/chat/completions`,
      { "content-type": "application/json" },
      { model: "lab/m" },
    );
    expect(got.headers).toMatchObject({ "x-ratelimit-remaining-requests": "41", "x-upstream-request-id": "up-1" });
    for (const name of ["set-cookie", "server", "x-powered-by", "access-control-allow-origin"]) {
      expect(got.headers).not.toHaveProperty(name);
    }
    expect(got.headers["keep-alive"]).not.toBe("timeout=77");
    expect(got.headers["x-request-id"]).not.toBe("up-1");
  });
});

describe("I4 bodies of failed attempts", () => {
  it.each([
    ["a small body", status(500, { error: { message: "down" } })],
    ["an endless body", { ...status(500), body: [forever("x".repeat(10_000))] }],
    ["a body that hangs after its limit", { ...status(503), body: [Buffer.alloc(70_000, "x"), gate()] }],
    [
      "an endless stream of junk with an error first",
      stream([{ error: { message: "down" } }, forever(": x\n\n")], { noDone: true }),
    ],
  ] satisfies [string, Step][])("I4 %s leaves no request open", async (_name, step) => {
    const { proxy, upstream } = await bench({ listen: true, retry: { sameCredential: 0 } });
    upstream.when({ key: "k1" }, step);
    upstream.when({ key: "k2" }, answer({ text: "ok" }));
    for (let round = 0; round < 4; round++) {
      const { text } = await readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
      expect(text).toContain("ok");
    }
    await Promise.all(upstream.requests.map((request) => request.closed));
    expect(upstream.requests).toHaveLength(8);
    expect(upstream.open).toBe(0);
    expect(upstream.openConnections).toBeLessThanOrEqual(3);
  });

  it.each(ways)("I4 a stream that fails after content is not left open (path of %s)", async (_way, plugins) => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.always(stream([chunk({ content: "a" }), { error: { message: "down" } }, gate()], { noDone: true }));
    const { text } = await readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
    expect(text).toContain('"error"');
    expect(await upstream.requests[0]!.closed).toBe("client");
  });

  it("I4 an answer that a call hook gives up is not left open", async () => {
    const giveUp = definePlugin({
      name: "give-up",
      hooks: {
        async call(_attempt, next) {
          await next();
          throw new Error("not this one");
        },
      },
    });
    const { proxy, upstream } = await bench({ listen: true, plugins: [giveUp], faults: /not this one/ });
    upstream.always(stream([chunk({ content: "a" }), gate()]));
    expect((await proxy.chat({ model: "lab/m", stream: true })).status).toBe(500);
    expect(await upstream.requests[0]!.closed).toBe("client");
  });

  it("I4 the connections of small failed answers serve later attempts", async () => {
    const { proxy, upstream } = await bench({ listen: true, retry: { sameCredential: 0 } });
    upstream.when({ key: "k1" }, status(429, { error: { message: "slow down" } }, { "retry-after": "60" }));
    upstream.when({ key: "k2" }, answer({ text: "ok" }));
    for (let round = 0; round < 6; round++) await readToEnd(await proxy.chat({ model: "lab/m" }));
    expect(upstream.requests).toHaveLength(12);
    // One is still closing its answer when the next attempt begins.
    expect(upstream.connections).toBeLessThanOrEqual(2);
  });
});

describe("I5 small pieces", () => {
  it("I5 both sides of the proxy send without Nagle's delay", async () => {
    const servers: Server[] = [];
    const sockets: Socket[] = [];
    const onServer = (message: unknown): void => void servers.push((message as { server: Server }).server);
    const onSocket = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket);
    subscribe("http.server.request.start", onServer);
    subscribe("net.client.socket", onSocket);
    const noDelay = vi.spyOn((await import("node:net")).Socket.prototype, "setNoDelay");
    try {
      const { proxy, upstream } = await bench({ listen: true });
      await readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
      const own = servers.find(
        (server) => (server.address() as { port: number }).port === Number(new URL(proxy.url).port),
      );
      expect(own).toHaveProperty("noDelay", true);
      const port = Number(new URL(upstream.url).port);
      const calling = sockets.filter((socket) => socket.remotePort === port);
      expect(calling).toHaveLength(1);
      const calls = noDelay.mock.contexts.filter((_, index) => noDelay.mock.calls[index]?.[0] !== false);
      expect(calls).toContain(calling[0]);
    } finally {
      noDelay.mockRestore();
      unsubscribe("http.server.request.start", onServer);
      unsubscribe("net.client.socket", onSocket);
    }
  });

  it("I5 an event arrives before the next one is written", async () => {
    const gates = Array.from({ length: 20 }, () => gate());
    const { proxy, upstream } = await bench({ listen: true });
    upstream.reply(
      stream([...gates.flatMap((each, at) => [chunk({ content: `${at} ` }), each]), chunk({}, { finish: "stop" })]),
    );
    let at = 0;
    for await (const event of readEvents(await proxy.chat({ model: "lab/m", stream: true }))) {
      if (event.data.includes('"content"')) gates[at++]!.open();
    }
    expect(at).toBe(20);
  });

  it.each(ways)(
    "I5 characters of several bytes are whole over every cut of the socket (path of %s)",
    async (_way, plugins) => {
      const words = ["schöne ", "東京 ", "👩‍🚀 ", "ﬁn"];
      const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
      for (const size of [1, 2, 3, 5, 7]) {
        upstream.reply(answer({ text: words, reasoning: words }, { chunk: size }));
        const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
        expect(textOfEvents(events)).toBe(words.join(""));
      }
    },
  );
});

describe("I6 clients that leave", () => {
  const steps: readonly [string, () => Step][] = [
    ["before the headers", silence],
    ["after the headers", () => hangAfterHeaders(stream([]))],
    ["in a stream", () => stream([chunk({ content: "a" }), gate()])],
    [
      "in a stream that pours",
      () => stream([chunk({ content: "a" }), forever(`data: ${JSON.stringify(chunk({ content: "b" }))}\n\n`)]),
    ],
    ["in a compressed stream", () => encoded(stream([chunk({ content: "a" }), gate()]), "gzip")],
    [
      "in a stream that is cut meanwhile",
      () => cut(stream([chunk({ content: "a" }), chunk({ content: "b" })]), "json", "reset"),
    ],
    ["at the end", () => answer()],
    ["in a whole body", () => cut(answer({ as: "json" }), "json", "hang")],
  ];

  it.each(ways)("I6 in any phase, and the process goes on unharmed (path of %s)", async (_way, plugins) => {
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on("unhandledRejection", hear);
    process.on("uncaughtException", hear);
    try {
      for (const [, step] of steps) {
        const both = await bench({ listen: true, plugins: plugins() });
        both.upstream.always(step());
        // With and without a start on reading, at once and a little later.
        await Promise.all([0, 1, 2, 3, 4, 8].map((ms) => leaveAfter(both, ms)));
        const { proxy, upstream } = both;
        upstream.always(answer({ text: "still here" }));
        expect(await (await proxy.chat({ model: "lab/m" })).text()).toContain("still here");
      }
      await sleep(20);
      expect(unheard).toEqual([]);
    } finally {
      process.off("unhandledRejection", hear);
      process.off("uncaughtException", hear);
    }
  });

  async function leaveAfter({ proxy }: Bench, ms: number): Promise<void> {
    const leaving = new AbortController();
    const sent = proxy
      .chat({ model: "lab/m", stream: true }, { signal: leaving.signal })
      .then(async (response) => void (await (ms % 2 ? response.text() : response.body?.getReader().read())))
      // That it was left is the point.
      .catch(() => {});
    await sleep(ms);
    leaving.abort();
    await sent;
  }

  it("I6 sockets torn down without a word are no error either", async () => {
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on("unhandledRejection", hear);
    process.on("uncaughtException", hear);
    try {
      const { proxy, upstream } = await bench({ listen: true });
      upstream.always(stream([chunk({ content: "a" }), gate()]));
      for (let round = 0; round < 5; round++) {
        await new Promise<void>((resolve) => {
          const call = httpRequest(`${proxy.url}/v1/chat/completions`, { method: "POST" }, (response) => {
            response.on("error", () => {});
            response.once("data", () => {
              call.socket?.resetAndDestroy();
              resolve();
            });
          });
          call.on("error", () => {});
          call.end(JSON.stringify({ model: "lab/m", stream: true, messages: [{ role: "user", content: "x" }] }));
        });
        await proxy.recorded(round + 1);
      }
      expect(proxy.records.map(({ outcome }) => outcome.end)).toEqual(
        Array.from({ length: 5 }, () => "client-aborted"),
      );
      await Promise.all(upstream.requests.map((request) => request.closed));
      expect(unheard).toEqual([]);
    } finally {
      process.off("unhandledRejection", hear);
      process.off("uncaughtException", hear);
    }
  });
});

function halved(wait: ReturnType<typeof gate>): Step {
  const choices = [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }];
  const whole = status(200, { object: "chat.completion", choices });
  const bytes = whole.body[0] as Uint8Array;
  return { ...whole, body: [bytes.subarray(0, 30), wait, bytes.subarray(30)] };
}
