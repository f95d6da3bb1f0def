/** What the chaos run has found, each as a test of its own. */
import { DatabaseSync } from "node:sqlite";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createProxy, definePlugin, type PluginInput, type Proxy, systemClock } from "waygate";
import { concurrency } from "waygate/plugins/concurrency";
import { limits } from "waygate/plugins/limits";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import {
  createTestProxy,
  answer,
  chunk,
  createUpstream,
  cut,
  gate,
  later,
  silence,
  stream,
  type Upstream,
} from "waygate/testing";
import { internalsOf } from "../../src/proxy.ts";
import { folder } from "../database/_folder.ts";
import { bodyOf, wordsFor } from "../../scripts/chaos/client.ts";
import { readEnd } from "../../scripts/chaos/ends.ts";
import { resolveStep } from "../../src/testing/script.ts";
import { bench, closing, readToEnd, virtualBench } from "../rules/_streams.ts";
import { wires } from "../sdk/_upstreams.ts";
import type { ProtocolId } from "../sdk/wire/types.ts";

const ask = (proxy: Proxy): Promise<Response> =>
  proxy.fetch("http://waygate.localhost/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hi" }] }),
  });

type Reloaded = readonly [before: Proxy, after: Proxy, restart: () => Proxy];

describe("while a reload lets the old proxy finish", () => {
  /** The proxy before and the one that has taken over, as `--watch` makes them. */
  const reloaded = async (upstream: Upstream, ...plugins: PluginInput[]): Promise<Reloaded> => {
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"], discover: false });
    const config = {
      plugins: [lab, ...plugins],
      retry: { queueWait: 2000 },
      database: { path: join(folder(), "waygate.db") },
      log: { level: "silent" } as const,
    };
    const before = createProxy(config);
    await before.ready();
    const { rests, durable, memory, places } = internalsOf(before);
    const after = createProxy(config, {}, { rests, durable, memory, places });
    await after.ready();
    durable.retire();
    return [before, after, () => createProxy(config)];
  };

  it("E1 what it has in flight takes places of the new one, which wait for them", async () => {
    await using upstream = await createUpstream();
    const hold = gate();
    upstream.reply(later(answer(), hold), answer());
    const [before, after] = await reloaded(upstream, concurrency({ perCredential: 1 }));
    const first = ask(before);
    await upstream.received(1);
    const { credentials } = internalsOf(after).pipeline.app;
    expect(credentials.inFlight(credentials.list("lab")[0]!.id)).toBe(1);
    const second = ask(after);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(upstream.requests).toHaveLength(1);
    hold.open();
    expect((await first).status).toBe(200);
    expect((await second).status).toBe(200);
    await before.close();
    await after.close();
  });

  it("E3 E5 both count against one window, which a restart still knows", async () => {
    await using upstream = await createUpstream();
    upstream.always(answer());
    const [before, after, restart] = await reloaded(upstream, limits({ keys: { rpm: 3 } }));
    expect((await ask(before)).status).toBe(200);
    expect((await ask(after)).status).toBe(200);
    expect((await ask(before)).status).toBe(200);
    expect((await ask(before)).status).toBe(429);
    expect((await ask(after)).status).toBe(429);
    await before.close();
    expect((await ask(after)).status).toBe(429);
    await after.close();
    const next = restart();
    expect((await ask(next)).status).toBe(429);
    await next.close();
    expect(upstream.requests).toHaveLength(3);
  });
});

it("E5 windows are saved with the machine's clock too, which has parts of milliseconds", async () => {
  await using upstream = await createUpstream();
  upstream.always(answer());
  const path = join(folder(), "waygate.db");
  const clock = { ...systemClock(), now: () => Math.floor(Date.now()) + 0.25 };
  const problems: unknown[] = [];
  const statuses: number[] = [];
  for (let start = 0; start < 2; start++) {
    const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"], discover: false });
    const proxy = createProxy(
      {
        plugins: [lab, limits({ keys: { rpm: 1 } })],
        database: { path },
        retry: { queueWait: 0 },
        log: { level: "silent" },
      },
      { runtime: { clock }, onProblem: (problem) => void problems.push(problem) },
    );
    statuses.push((await ask(proxy)).status);
    await proxy.close();
  }
  expect(problems).toEqual([]);
  expect(statuses).toEqual([200, 429]);
  const connection = new DatabaseSync(path);
  expect(connection.prepare("SELECT count(*) AS count FROM snapshot WHERE section = 'state.counters'").get()).toEqual({
    count: 1,
  });
  connection.close();
});

it("a scripted upstream tells of the end of a request that it could not even begin to answer", async () => {
  const upstream = closing(await createUpstream());
  const hold = gate();
  upstream.reply(later(answer(), hold), silence());
  const { port } = new URL(upstream.url);
  const socket = connect(Number(port), "127.0.0.1");
  socket.on("error", () => undefined);
  const request = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}";
  socket.write(request + request);
  const second = await upstream.received(2);
  expect(await second.closed).toBe("script");
  hold.open();
  socket.destroy();
});

describe("a stream that ends anywhere before its end", () => {
  it.each(Object.keys(wires) as ProtocolId[])("B1 B7 B15 ends as %s clients can read it", async (protocol) => {
    const wire = wires[protocol];
    const upstream = closing(await createUpstream({ base: wire.base }));
    const lab = openaiCompatible({ name: "lab", protocol, baseURL: upstream.url, keys: ["k"], models: ["m"] });
    const proxy = closing(await createTestProxy({ plugins: [lab], retry: { attempts: 1 } }));
    const asked = { index: 1, dialect: protocol, stream: true, model: "lab/m", size: 3 };
    const { path, body } = bodyOf(asked);
    const good = wire.says({ text: wordsFor(1, 3) });
    let length = Infinity;
    for (let at = 1; at < length; at += 23) {
      upstream.reply((request) => {
        const reply = resolveStep(good, request);
        length = Buffer.concat(reply.body.filter((piece) => piece instanceof Uint8Array)).length;
        return cut(reply, at, "complete");
      });
      const response = await proxy.fetch(path, { method: "POST", body: JSON.stringify(body) });
      const type = response.headers.get("content-type") ?? "";
      const { text } = await readToEnd(response);
      const { end, words } = readEnd({ ...asked, status: response.status, type, text });
      if (end === "complete") expect(words).toBe(wordsFor(1, 3));
      else
        expect.soft([at, end, words]).toEqual([at, expect.stringMatching(/^(?:failed|refused)$/), expect.any(String)]);
    }
    expect(length).toBeGreaterThan(300);
  });
});

describe("a stream", () => {
  const frame = chunk({ content: "hello" });

  it("B7 whose last event only lacks its blank line is complete", async () => {
    const { proxy, upstream } = await bench({ lab: { keys: ["k"] } });
    upstream.reply(stream([frame, chunk({}, { finish: "stop" })], { noDone: true, tail: "data: [DONE]" }));
    const { text } = await readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
    expect(text).toContain("data: [DONE]");
    expect(text).not.toContain('"error"');
  });

  it("E1 that is finished and not closed gives its place back only when it is closed", async () => {
    const { proxy, upstream } = await bench({ lab: { keys: ["k"] }, plugins: [concurrency({ perCredential: 1 })] });
    upstream.reply(stream([frame, chunk({}, { finish: "stop" }), gate()], { noDone: true }), answer());
    const first = readToEnd(await proxy.chat({ model: "lab/m", stream: true }));
    const [second] = await Promise.all([proxy.chat({ model: "lab/m" }), first]);
    expect(second.status).toBe(200);
    const [held, next] = upstream.requests;
    expect(await held!.closed).toBe("client");
    // Nearly at once: both are in one process, and the end of a connection is heard a moment later.
    expect(performance.now() - next!.arrivedAt).toBeLessThan(800);
  });
});

it("C3 E1 what may be asked again while others were looked at is no reason to refuse", async () => {
  let refused = 0;
  const plugin = definePlugin({
    name: "slow",
    setup({ credentials }) {
      credentials.addGate({
        name: "elsewhere",
        reserve: ({ credential }) =>
          credential.label === "one" && refused++ === 0
            ? { refused: "all places taken elsewhere", kind: "busy" }
            : undefined,
      });
    },
    hooks: {
      selectKey: {
        precedence: "balance",
        async handler(candidates, { app }) {
          if (candidates[0]?.credential.label === "one") return [candidates[0]];
          // Longer than what a gate has refused without a time is left alone.
          await new Promise<void>((resolve) => app.runtime.clock.timer(resolve, 300));
          return [];
        },
      },
    },
  });
  const { proxy, clock } = await virtualBench(() => Response.json(said), {
    lab: {
      keys: [
        { value: "k1", label: "one" },
        { value: "k2", label: "two" },
      ],
    },
    plugins: [plugin],
    retry: { queueWait: 5000 },
  });
  const asked = proxy.chat({ model: "lab/m" });
  await clock.advance(5000);
  expect((await asked).status).toBe(200);
});

const said = {
  id: "1",
  object: "chat.completion",
  created: 1,
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
};
