import { Agent, request as undiciRequest } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { answer } from "../../src/testing/answer.ts";
import { stream } from "../../src/testing/event-stream.ts";
import { cut, later } from "../../src/testing/reply-changes.ts";
import {
  dropReused,
  forever,
  gate,
  html,
  limited,
  raw,
  redirect,
  reset,
  silence,
  slowHeaders,
  status,
  type Step,
} from "../../src/testing/script.ts";
import { createUpstream, type Upstream } from "../../src/testing/upstream.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const start = async (...steps: readonly Step[]): Promise<Upstream> => {
  const upstream = await createUpstream();
  cleanups.push(() => upstream.close());
  if (steps.length > 0) upstream.reply(...steps);
  return upstream;
};

const post = (upstream: Upstream, body: object = { model: "m" }, init: RequestInit = {}): Promise<Response> =>
  fetch(`${upstream.url}/chat/completions`, { method: "POST", body: JSON.stringify(body), ...init });

describe("createUpstream", () => {
  it("answers unscripted requests and keeps what came in", async () => {
    const upstream = await start();
    const headers = { authorization: "Bearer k1", "x-more": "yes" };
    const response = await post(upstream, { model: "m", stream: false, n: 1 }, { headers });
    expect(await response.json()).toMatchObject({ model: "m", choices: [{ message: { content: "ok" } }] });
    const [request] = upstream.requests;
    expect(request).toMatchObject({
      index: 0,
      method: "POST",
      path: "/v1/chat/completions",
      key: "k1",
      model: "m",
      stream: false,
      reused: false,
      socket: 0,
      body: '{"model":"m","stream":false,"n":1}',
      json: { n: 1 },
      headers: { "x-more": "yes" },
    });
    expect(await request!.closed).toBe("complete");
    expect([request!.aborted, upstream.open]).toEqual([false, 0]);
  });

  it.each([
    [{ authorization: "Bearer a" }, "", "a"],
    [{ "x-api-key": "b" }, "", "b"],
    [{ "x-goog-api-key": "c" }, "", "c"],
    [{}, "?key=d&alt=sse", "d"],
    [{}, "", undefined],
  ])("reads the key from %j and %j", async (headers, query, key) => {
    const upstream = await start();
    await fetch(`${upstream.url}/models${query}`, { headers: headers as Record<string, string> });
    expect(upstream.requests[0]?.key).toBe(key);
  });

  it("plays queued steps in order, then says that the script is over", async () => {
    const upstream = await start(status(429, { error: "slow" }, { "retry-after": "1" }), answer({ text: "second" }));
    const first = await post(upstream);
    expect([first.status, first.headers.get("retry-after"), await first.json()]).toEqual([429, "1", { error: "slow" }]);
    expect(await (await post(upstream)).text()).toContain("second");
    const third = await post(upstream);
    expect([third.status, await third.text()]).toEqual([500, expect.stringContaining("script_over")]);
  });

  it("prefers the newest rule that fits, then the queue, then what it always does", async () => {
    const upstream = await start(status(201));
    upstream.always((request) => status(202, { model: request.model }));
    upstream.when({ key: "dead" }, status(401));
    upstream.when({ model: "gone", method: "POST", path: "/chat/completions" }, status(404));
    upstream.when((request) => request.key === "dead" && request.model === "gone", status(410));
    const ask = async (key: string, model: string): Promise<number> =>
      (await post(upstream, { model }, { headers: { "x-api-key": key } })).status;
    expect(await ask("dead", "m")).toBe(401);
    expect(await ask("dead", "gone")).toBe(410);
    expect(await ask("good", "gone")).toBe(404);
    expect([await ask("good", "m"), await ask("good", "m")]).toEqual([201, 202]);
    upstream.when({ key: "dead" }, status(200));
    expect(await ask("dead", "gone")).toBe(200);
  });

  it("counts per key, or over several keys, and then answers otherwise", async () => {
    const upstream = await start();
    const codes = async (...keys: string[]): Promise<number[]> => {
      const out: number[] = [];
      for (const key of keys) out.push((await post(upstream, {}, { headers: { "x-api-key": key } })).status);
      return out;
    };
    upstream.always(limited(2, answer(), { over: status(429) }));
    expect(await codes("a", "a", "b", "a", "b", "b")).toEqual([200, 200, 200, 429, 200, 429]);
    upstream.always(limited(2, answer(), { over: status(429), by: () => "organisation" }));
    expect(await codes("a", "b", "c")).toEqual([200, 200, 429]);
  });

  it("answers 500 when a step throws, naming the error", async () => {
    const upstream = await start((request) => status(200, { n: request.json["n"] }));
    const response = await post(upstream, {}, { body: "not json" });
    expect([response.status, await response.text()]).toEqual([500, expect.stringContaining("SyntaxError")]);
  });

  it("waits for requests and at gates, and counts the open ones", async () => {
    const held = gate();
    const upstream = await start(later(answer(), held));
    const waiting = upstream.received(1);
    const response = post(upstream);
    expect((await waiting).index).toBe(0);
    await held.reached;
    expect(upstream.open).toBe(1);
    held.open();
    expect((await response).status).toBe(200);
    expect((await upstream.received(1)).index).toBe(0);
    expect(await upstream.requests[0]!.closed).toBe("complete");
  });

  it.each([
    ["before headers", silence()],
    ["before headers, at a gate", later(answer(), gate())],
    ["after headers", cut(answer(), 0, "hang")],
    ["in the middle of a stream", cut(stream([{ a: 1 }, { a: 2 }]), 9, "hang")],
    ["in an endless body", stream([forever(": more\n\n")])],
  ])("tells when the client leaves %s", async (_, step) => {
    const upstream = await start(step);
    const leaving = new AbortController();
    const response = post(upstream, {}, { signal: leaving.signal }).then((r) => r.text());
    const request = await upstream.received(1);
    leaving.abort();
    await expect(response).rejects.toThrow("abort");
    expect([await request.closed, request.aborted, upstream.open]).toEqual(["client", true, 0]);
  });

  it.each([
    ["closed without an answer", raw([])],
    ["reset without an answer", reset()],
    ["closed in the middle of headers", raw(["HTTP/1.1 200 OK\r\ncontent-"])],
    ["cut with a declared length", cut(status(200, { a: "long enough" }), 5)],
    ["reset in the middle of a body", cut(stream([{ a: 1 }]), 5, "reset")],
  ])("breaks connections: %s", async (_, step) => {
    const upstream = await start(step);
    await expect(post(upstream).then((response) => response.text())).rejects.toThrow(/fetch failed|terminated/);
    const request = await upstream.received(1);
    expect([await request.closed, request.aborted]).toEqual(["script", false]);
  });

  it("resets with RST", async () => {
    const upstream = await start(reset());
    await expect(post(upstream)).rejects.toMatchObject({ cause: { code: "ECONNRESET" } });
  });

  it("numbers connections, and drops a second request on one when told to", async () => {
    const upstream = await start();
    upstream.always(dropReused(answer()));
    const agent = new Agent({ connections: 1 });
    cleanups.push(() => agent.close());
    const ask = async (): Promise<number> => {
      const response = await undiciRequest(`${upstream.url}/models`, { dispatcher: agent });
      await response.body.dump();
      return response.statusCode;
    };
    expect(await ask()).toBe(200);
    await expect(ask()).rejects.toMatchObject({ code: "UND_ERR_SOCKET" });
    expect(await ask()).toBe(200);
    expect(upstream.requests.map(({ socket, reused }) => [socket, reused])).toEqual([
      [0, false],
      [0, true],
      [1, false],
    ]);
    expect([upstream.connections, upstream.openConnections]).toEqual([2, 1]);
  });

  it("closes a kept connection after an answer with the ending `close`", async () => {
    const upstream = await start();
    upstream.always(cut(answer(), 10_000, "close"));
    await (await post(upstream)).text();
    await (await post(upstream)).text();
    expect(upstream.requests.map((request) => request.socket)).toEqual([0, 1]);
  });

  it("sends HTML, redirects and slow headers", async () => {
    const held = gate();
    const upstream = await start(html(503), redirect("http://elsewhere.test/"), slowHeaders(held));
    const page = await post(upstream);
    expect([page.status, page.headers.get("content-type"), await page.text()]).toEqual([
      503,
      "text/html",
      expect.stringMatching(/^<!doctype/),
    ]);
    const moved = await post(upstream, {}, { redirect: "manual" });
    expect([moved.status, moved.headers.get("location")]).toEqual([307, "http://elsewhere.test/"]);
    let there = false;
    const slow = post(upstream).then((response) => ((there = true), response.json()));
    await held.reached;
    expect(there).toBe(false);
    held.open();
    expect(await slow).toEqual({});
  });

  it("closes although replies hang", async () => {
    const upstream = await start(silence(), cut(answer(), 3, "hang"));
    const ends = [post(upstream), post(upstream).then((response) => response.text())].map((end) => end.catch(String));
    await upstream.received(2);
    await upstream.close();
    expect((await Promise.all(ends)).every((end) => typeof end === "string")).toBe(true);
    expect(upstream.openConnections).toBe(0);
  });
});
