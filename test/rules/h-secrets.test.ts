/** Rule H6: no key of anybody is in an answer, a log line, a record or the print of an object that plugins hold. */
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { definePlugin, type Attempt, type Context } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { rotate } from "waygate/plugins/rotate";
import {
  answer,
  chunk,
  createTestProxy,
  createUpstream,
  errorInside,
  reset,
  status,
  stream,
  type Step,
  type TestProxy,
  type Upstream,
} from "waygate/testing";

// None has the form of a well-known maker's key: nothing but knowing them can find them.
const providerKeys = ["canary9PROVIDERone7Kd2e9", "canary9PROVIDERtwo8Lf3f0"];
const clientKey = "canary9CLIENTkey5Hs1";
const wrongKey = "canary9WRONGkey6Jt2";
const proxyPassword = "canary9PASSWORD4Gr0";
const canary = /canary9/i;

let upstream: Upstream;
let proxy: TestProxy;
const seen: { ctx: Context; attempts: Attempt[] }[] = [];

/** A plugin as careless as they come: it logs whatever it is given. */
const careless = definePlugin({
  name: "careless",
  hooks: {
    filter(ctx) {
      ctx.log.info("filter", inspect(ctx), inspect(ctx.app, { depth: 6 }));
    },
    transform(attempt) {
      attempt.ctx.log.info("transform", inspect(attempt, { depth: 6 }), JSON.stringify(attempt));
    },
    async call(attempt, next) {
      attempt.ctx.log.info("call", inspect(attempt, { depth: 6, showHidden: true }));
      return next();
    },
    fail(error, attempt) {
      attempt.ctx.log.info("fail", inspect(error, { depth: 6 }), JSON.stringify(attempt.credential));
    },
    record(outcome, ctx) {
      ctx.log.info("record", inspect(outcome, { depth: 6 }), inspect(ctx, { depth: 6 }), JSON.stringify(ctx));
      seen.push({ ctx, attempts: [...ctx.attempts] });
    },
  },
});

beforeEach(async () => {
  seen.length = 0;
  upstream = await createUpstream();
  proxy = await createTestProxy({
    plugins: [
      proxyKey({ keys: [{ key: clientKey, admin: true }] }),
      openaiCompatible({ name: "lab", baseURL: upstream.url, keys: providerKeys, models: ["m"] }),
      rotate(),
      cooldown(),
      careless,
    ],
    faults: /./,
  });
});
afterEach(async () => {
  await proxy.close();
  await upstream.close();
});

const asClient = { headers: { authorization: `Bearer ${clientKey}` } };

/** Everything of a request that somebody else may get to see. */
async function traces(response: Response): Promise<string> {
  const body = await response.text();
  const headers = JSON.stringify([...response.headers]);
  const { outcome, ctx } = await proxy.recorded(proxy.records.length || 1);
  const errors = [outcome.error, ...ctx.attempts.map((attempt) => attempt.error)];
  const messages = errors.map((error) => `${error?.message} ${JSON.stringify(error)} ${inspect(error)}`);
  const decisions = ctx.decisions.map((decision) => decision.reason);
  return [body, headers, ...messages, ...decisions, ...proxy.logged].join("\n");
}

const echoed = (key: string): string => `Incorrect API key provided: ${key}. It was "${key}" (${key}).`;
const keyOf = (request: { key: string | undefined }): string => request.key ?? "?";

/** What upstreams say about the key they were sent, by name. */
const spoken: readonly [string, Step][] = [
  ["in a 400", (request) => status(400, { error: { message: echoed(keyOf(request)), code: keyOf(request) } })],
  ["in a 401", (request) => status(401, { error: { message: echoed(keyOf(request)) } })],
  ["in a 403 as text", (request) => status(403, `denied for ${keyOf(request)}`)],
  [
    "in a 404",
    (request) => status(404, { error: { message: `no model for ${keyOf(request)}`, code: "model_not_found" } }),
  ],
  [
    "in a 429",
    (request) => status(429, { error: { message: `key ${keyOf(request)} is limited` } }, { "retry-after": "9" }),
  ],
  ["in a 500 page", (request) => status(500, `<html><body>${keyOf(request)}</body></html>`)],
  [
    "in a header",
    (request) => status(400, { error: { message: "no" } }, { "x-request-id": "r", "x-echo": keyOf(request) }),
  ],
  ["inside a 200", (request) => errorInside({ message: echoed(keyOf(request)), type: keyOf(request) })],
  [
    "in a stream after it began",
    (request) =>
      request.stream
        ? stream([chunk({ content: "he" }), { error: { message: echoed(keyOf(request)), code: keyOf(request) } }], {
            noDone: true,
          })
        : reset(),
  ],
];

describe("H6 secrets", () => {
  it.each(
    spoken.flatMap(([name, step]) => [false, true].map((whole) => [name, whole ? "whole" : "streamed", step] as const)),
  )("H6 a key that the upstream repeats %s stays secret (%s)", async (_, mode, step) => {
    upstream.always(step);
    const response = await proxy.chat({ model: "lab/m", stream: mode === "streamed" }, asClient);
    const text = await traces(response);
    // The canary must have been there to be found.
    expect(providerKeys).toContain((await upstream.received(1)).key);
    expect(text).not.toMatch(canary);
    expect(text).toContain("lab");
  });

  it("H6 a key in the request is in no refusal", async () => {
    const headers = { authorization: `Bearer ${wrongKey}`, "x-api-key": wrongKey };
    for (const send of [
      () => proxy.chat({ model: "lab/m" }, { headers }),
      () => proxy.chat({ model: "lab/m" }, { headers: { authorization: wrongKey } }),
      () => proxy.fetch("/v1/models", { headers }),
      () => proxy.fetch(`/v1/models?key=${wrongKey}&api_key=${wrongKey}`),
      () => proxy.fetch(`/v1/nothing?key=${wrongKey}`, { headers }),
      () => proxy.fetch("/v1/chat/completions", { method: "DELETE", headers }),
    ]) {
      const response = await send();
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(`${JSON.stringify([...response.headers])}${await response.text()}`).not.toMatch(canary);
    }
    expect(proxy.logged.join("\n")).not.toMatch(canary);
  });

  it("H6 the client's key and content are in no print of what hooks are given", async () => {
    upstream.always(answer());
    const response = await proxy.chat({ model: "lab/m", user: "canary9CONTENT" }, asClient);
    expect(await traces(response)).not.toMatch(canary);
    expect(proxy.logged.filter((line) => /^(filter|transform|call|record)/.test(line))).toHaveLength(4);
  });

  it("H6 nothing that a plugin holds shows a key when it is printed", async () => {
    upstream.reply(status(401, { error: { message: "no" } }), answer());
    await (await proxy.chat({ model: "lab/m" }, asClient)).text();
    await proxy.recorded(1);
    const [{ ctx, attempts } = { ctx: undefined, attempts: [] }] = seen;
    expect(attempts).toHaveLength(2);
    const { app } = proxy;
    const things = [ctx, ...attempts, ...app.credentials.list("lab"), app, app.config, app.providers, app.credentials];
    for (const thing of things) {
      for (const depth of [2, 12]) expect(inspect(thing, { depth })).not.toMatch(canary);
      expect(printed(thing)).not.toMatch(canary);
    }
    // The secrets are where the print must not look, or the test would prove nothing.
    expect(JSON.stringify(attempts[1]?.wire.headers)).toMatch(canary);
    expect(ctx?.req.headers.get("authorization")).toMatch(canary);
  });

  it("H6 the password of an outbound proxy and of a base URL is in no error", async () => {
    const plugins = [
      openaiCompatible({
        name: "walled",
        baseURL: "http://upstream.invalid/v1",
        keys: ["k"],
        proxy: `http://user:${proxyPassword}@127.0.0.1:1`,
        models: ["m"],
      }),
      careless,
    ];
    const baseURL = `http://user:${proxyPassword}@127.0.0.1:1/v1`;
    expect(messageOf(() => openaiCompatible({ name: "dark", baseURL, keys: ["k"] }))).toMatch(/password/);
    expect(messageOf(() => openaiCompatible({ name: "dark", baseURL, keys: ["k"] }))).not.toMatch(canary);
    await using other = await createTestProxy({ plugins, retry: { sameCredential: 0 }, faults: /./ });
    const response = await other.chat({ model: "walled/m" });
    expect(response.status).toBe(502);
    expect(await response.text()).not.toMatch(canary);
    await other.recorded(1);
    for (const { outcome, ctx } of other.records) {
      expect(inspect([outcome.error, ctx.attempts[0]?.error], { depth: 8 })).not.toMatch(canary);
    }
    expect(other.logged.join("\n")).not.toMatch(canary);
  });
});

/** What `JSON.stringify` gives, as far as it gets: an object with circles shows nothing. */
function printed(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    return "";
  }
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof Error ? inspect(error, { depth: 6 }) : String(error);
  }
  return "";
}
