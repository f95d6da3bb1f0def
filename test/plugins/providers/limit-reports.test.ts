/** Reports about keys and limits of single providers, in their own words and over sockets. Rows of rules/reports.md. */
import { afterEach, describe, expect, test } from "vitest";
import type { Plugin } from "waygate";
import { chutes } from "waygate/plugins/chutes";
import { cooldown } from "waygate/plugins/cooldown";
import { groq } from "waygate/plugins/groq";
import { mistral } from "waygate/plugins/mistral";
import { nvidiaNim } from "waygate/plugins/nvidia-nim";
import { openrouter } from "waygate/plugins/openrouter";
import { xai } from "waygate/plugins/xai";
import {
  answer,
  createTestProxy,
  createUpstream,
  errorInside,
  status,
  type Step,
  type TestProxyOptions,
  type Upstream,
  virtualClock,
  type VirtualClock,
} from "waygate/testing";
import { inTurn, labelled } from "../../rules/_lab.ts";
import { allRows } from "./fakes/all.ts";
import { createFake, hour, minute, openaiError, start } from "./fakes/fake.ts";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

type Make = (options: {
  readonly baseURL: string;
  readonly keys: ReturnType<typeof labelled>[];
  readonly discover: false;
}) => Plugin;

interface Bench {
  readonly clock: VirtualClock;
  /** Of one provider each, in the order given. */
  readonly upstreams: readonly Upstream[];
  ask(model: string): Promise<{ readonly status: number; readonly code: string; readonly wait: string | null }>;
  /** `a/m cooling 60`, seconds. */
  rests(): readonly string[];
}

/** Providers with the keys `a`, `b` …, each behind an upstream of its own; nothing is tried twice on one key. */
async function bench(
  makes: readonly Make[],
  keys: readonly string[] = ["a"],
  {
    plugins = [cooldown()],
    ...options
  }: Pick<TestProxyOptions, "models"> & { readonly plugins?: readonly Plugin[] } = {},
): Promise<Bench> {
  const upstreams = await Promise.all(makes.map(() => createUpstream()));
  const clock = virtualClock({ start });
  const proxy = await createTestProxy({
    ...options,
    retry: { sameCredential: 0 },
    plugins: [
      ...makes.map((make, index) =>
        make({ baseURL: upstreams[index]!.url, keys: keys.map(labelled), discover: false }),
      ),
      ...plugins,
    ],
    runtime: { clock, random: () => 0.5 },
  });
  open.push(...upstreams, proxy);
  const { credentials } = proxy.app;
  return {
    clock,
    upstreams,
    async ask(model) {
      const response = await proxy.chat({ model });
      const json = (await response.json()) as { error?: { code: string } };
      return { status: response.status, code: json.error?.code ?? "", wait: response.headers.get("retry-after") };
    },
    rests: () =>
      credentials.rests().map(({ target, rest }) => {
        const who = target.credential === undefined ? target.provider : credentials.get(target.credential)!.label;
        const place = target.model === undefined ? who : `${who}/${target.model}`;
        return `${place} ${rest.state} ${Math.round((rest.until - clock.now()) / 1000)}`;
      }),
  };
}

const asked = ({ upstreams: [upstream] }: Bench): string => upstream!.requests.map(({ key }) => key).join(" ");

const numbered = (code: number, message: string, metadata?: object, headers = {}): Step =>
  status(code, { error: { code, message, metadata } }, headers);
const resetsIn = (time: number): object => ({
  headers: { "X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": String(start + time) },
});

describe("OpenRouter", () => {
  const daily = { limit_source: "openrouter_free_tier_daily" };

  test.each<[string, Step]>([
    ["free-models-per-day", numbered(429, "Rate limit exceeded: free-models-per-day", resetsIn(5 * hour))],
    [
      "free-models-per-day-high-balance",
      numbered(429, "Rate limit exceeded: free-models-per-day-high-balance. ", resetsIn(5 * hour)),
    ],
    ["a source that ends with _daily", numbered(429, "Rate limit exceeded", { ...daily, ...resetsIn(5 * hour) })],
    [
      "the same with the reset beside the body",
      numbered(429, "Rate limit exceeded", daily, {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": String(start + 5 * hour),
      }),
    ],
  ])("report 17: %s is a quota until the reset it names, no short limit", async (_name, refusal) => {
    const it = await bench([openrouter]);
    it.upstreams[0]!.always(refusal);
    expect(await it.ask("openrouter/x/y:free")).toEqual({ status: 429, code: "quota_exceeded", wait: "18000" });
    expect(it.rests()).toEqual(["a/x/y:free exhausted 18000"]);
  });

  test.each([
    ["for nothing in the world", false],
    ["but by one request in half an hour", true],
  ])("report 18: a daily limit is not tried again before its reset, %s, and is after it", async (_, tryEarly) => {
    const it = await bench([openrouter], ["a"], { plugins: [cooldown({ tryEarly })] });
    const limit = numbered(429, "Rate limit exceeded: free-models-per-day", resetsIn(5 * hour));
    const times: number[] = [];
    it.upstreams[0]!.always(() => {
      times.push(it.clock.now() - start);
      return it.clock.now() < start + 5 * hour ? limit : answer();
    });
    for (let passed = 0; passed < 5 * hour; passed += 5 * minute) {
      for (let client = 0; client < 3; client++) expect((await it.ask("openrouter/x/y:free")).status).toBe(429);
      await it.clock.advance(5 * minute);
    }
    expect((await it.ask("openrouter/x/y:free")).status).toBe(200);
    const [first, ...later] = times;
    expect([first, later.at(-1)]).toEqual([0, 5 * hour]);
    const early = later.slice(0, -1);
    expect(early.length > 0).toBe(tryEarly);
    for (const [index, at] of early.entries()) expect(at - times[index]!).toBeGreaterThanOrEqual(30 * minute);
  });

  test("report 20: the reset in the headers that a body repeats is kept, to the millisecond", async () => {
    const it = await bench([openrouter]);
    const limit = numbered(429, "Rate limit exceeded: free-models-per-min. ", resetsIn(41_500));
    it.upstreams[0]!.always(inTurn(limit, answer()));
    expect(await it.ask("openrouter/x/y:free")).toEqual({ status: 429, code: "rate_limit_exceeded", wait: "42" });
    await it.clock.advance(41_499);
    expect((await it.ask("openrouter/x/y:free")).status).toBe(429);
    await it.clock.advance(1);
    expect((await it.ask("openrouter/x/y:free")).status).toBe(200);
    expect(asked(it)).toBe("a a");
  });

  test.each<[string, Step]>([
    [
      "429",
      numbered(429, "Provider returned error", {
        raw: "x/y is temporarily rate-limited upstream. Please retry shortly.",
        provider_name: "P",
      }),
    ],
    ["502", numbered(502, "Provider returned error", { raw: "", provider_name: "P" })],
    ["inside a 200", errorInside({ code: 502, message: "Provider returned error" })],
  ])("report 22: Provider returned error (%s) lets that model rest, never the key or the provider", async (_, busy) => {
    const it = await bench([openrouter]);
    it.upstreams[0]!.when(({ model }) => model !== "fine", busy);
    it.upstreams[0]!.always(answer());
    for (let round = 0; round < 3; round++) {
      for (const model of ["x/y", "v/w"]) expect((await it.ask(`openrouter/${model}`)).status).toBeGreaterThan(428);
    }
    expect(it.rests().map((rest) => rest.replace(/\d+$/, ""))).toEqual(["a/x/y cooling ", "a/v/w cooling "]);
    for (const rest of it.rests()) expect(Number(rest.split(" ").at(-1))).toBeLessThanOrEqual(20);
    expect((await it.ask("openrouter/fine")).status).toBe(200);
    await it.clock.advance(20_000);
    expect(it.rests()).toEqual([]);
  });
});

describe("Retry-After", () => {
  test.each<[object, string, number]>([
    [{ object: "error", message: "Rate limit exceeded", type: "rate_limited", code: "1300" }, "17", 17],
    [{ message: "Requests rate limit exceeded" }, "17.4", 18],
    [{ message: "Requests rate limit exceeded" }, new Date(start + minute).toUTCString(), 60],
  ])("report 24: of Mistral's 429 %j is kept: %s", async (body, header, seconds) => {
    const it = await bench([mistral]);
    it.upstreams[0]!.always(inTurn(status(429, body, { "retry-after": header }), answer()));
    expect((await it.ask("mistral/m")).wait).toBe(String(seconds));
    await it.clock.advance((seconds - 1) * 1000);
    expect((await it.ask("mistral/m")).status).toBe(429);
    await it.clock.advance(1000);
    expect((await it.ask("mistral/m")).status).toBe(200);
    expect(asked(it)).toBe("a a");
  });

  test.each(allRows.map((row) => [row.id, row] as const))(
    "report 24: of a 429 is kept by %s as by all others",
    async (id, { plugin, fake }) => {
      const tooMany = status(429, { error: { message: "Slow down, please." } }, { "retry-after": "17" });
      const upstream = await createFake({ ...fake, plays: { limited: { reply: tooMany, kind: "rate_limited" } } });
      const proxy = await createTestProxy({
        plugins: [plugin({ baseURL: upstream.url, keys: ["a-key-of-the-proxy"], discover: false })],
        retry: { attempts: 1, sameCredential: 0 },
        runtime: { clock: virtualClock({ start }) },
      });
      open.push(upstream, proxy);
      expect((await proxy.chat({ model: `${id}/limited` })).headers.get("retry-after")).toBe("17");
      expect((await proxy.recorded(1)).ctx.attempts[0]!.error?.retryAt).toBe(start + 17_000);
    },
  );
});

describe("limits without a time", () => {
  test.each<[string, number, string]>([
    ["Infrastructure is at maximum capacity, try again later", 429, "a/m cooling 20"],
    ["model is under maintenance", 429, "a/m cooling 600"],
    ["Free models limit reached for today - try tomorrow", 429, "a exhausted 50400"],
    ["Subscription usage cap exceeded. Please add balance to continue.", 402, "a exhausted 1800"],
    ["Too many requests", 429, "a/m cooling 10"],
  ])("report 25: Chutes' %s (%i) has a rest from its own table, or else a short one", async (detail, code, rest) => {
    const it = await bench([chutes]);
    it.upstreams[0]!.always(status(code, { detail }));
    await it.ask("chutes/m");
    expect(it.rests()).toEqual([rest]);
  });

  const bare = status(429, { status: 429, title: "Too Many Requests" });

  test("report 26: NVIDIA's bare 429 lets one model rest, from a minute to half an hour, until it has answered", async () => {
    const it = await bench([nvidiaNim]);
    let limited = true;
    it.upstreams[0]!.when({ model: "m" }, () => (limited ? bare : answer()));
    it.upstreams[0]!.always(answer());
    for (const minutes of [1, 2, 5, 10, 30, 30, 30]) {
      const refused = { status: 429, code: "rate_limit_exceeded", wait: String(60 * minutes) };
      expect(await it.ask("nvidia_nim/m")).toEqual(refused);
      expect(it.rests()).toEqual([`a/m cooling ${60 * minutes}`]);
      expect((await it.ask("nvidia_nim/other")).status).toBe(200);
      await it.clock.advance(minutes * minute);
    }
    limited = false;
    expect((await it.ask("nvidia_nim/m")).status).toBe(200);
    limited = true;
    await it.ask("nvidia_nim/m");
    expect(it.rests()).toEqual(["a/m cooling 60"]);
  });

  test("report 26: a time that NVIDIA does name is kept, and is no step", async () => {
    const it = await bench([nvidiaNim]);
    it.upstreams[0]!.always(inTurn(status(429, { title: "Too Many Requests" }, { "retry-after": "5" }), bare));
    await it.ask("nvidia_nim/m");
    expect(it.rests()).toEqual(["a/m cooling 5"]);
    await it.clock.advance(5000);
    await it.ask("nvidia_nim/m");
    expect(it.rests()).toEqual(["a/m cooling 60"]);
  });
});

describe("statuses that say something else", () => {
  test("report 28: Groq's 413 for a request over the limit per minute is nobody's limit: another provider, at once", async () => {
    const tooLarge = openaiError(
      "Request too large for model `m` in organization `org_01` service tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 12328, please reduce your message size and try again.",
      "tokens",
      "rate_limit_exceeded",
    );
    const it = await bench([groq, mistral], ["a", "b"], { models: { smart: ["groq/m", "mistral/m"] } });
    it.upstreams[0]!.always(status(413, tooLarge, { "retry-after": "60" }));
    expect((await it.ask("smart")).status).toBe(200);
    // Asked again at once: nothing is waited for, and no second key of the same model is asked in vain.
    expect((await it.ask("smart")).status).toBe(200);
    expect([asked(it), it.upstreams[1]!.requests.length, it.rests()]).toEqual(["a a", 2, []]);
    expect(await it.ask("groq/m")).toEqual({ status: 413, code: "context_length_exceeded", wait: null });
  });

  test.each<[string, Step]>([
    [
      "429",
      status(429, {
        code: "Some resource has been exhausted",
        error: "Your team 5f1b has either used all available credits or reached its monthly spending limit.",
      }),
    ],
    [
      "403",
      status(403, {
        code: "The caller does not have permission to execute the specified operation",
        error: "You have run out of credits or need a Grok subscription.",
      }),
    ],
  ])("report 29: xAI's %s for no credit takes the key out for every model, and is no short limit", async (_, spent) => {
    const it = await bench([xai], ["a", "b"]);
    it.upstreams[0]!.when({ key: "a" }, spent);
    it.upstreams[0]!.always(answer());
    for (const model of ["grok-4", "grok-3"]) expect((await it.ask(`xai/${model}`)).status).toBe(200);
    await it.clock.advance(24 * hour);
    expect((await it.ask("xai/grok-4")).status).toBe(200);
    expect([asked(it), it.rests()]).toEqual(["a b b b", ["a no-credit Infinity"]]);
  });

  test("report 30: xAI's 400 for a wrong key is the key's fault, not the request's: the next key answers", async () => {
    const wrong = status(400, {
      code: "Client specified an invalid argument",
      error: "Incorrect API key provided: xa***en. You can obtain an API key from https://console.x.ai.",
    });
    const it = await bench([xai], ["a", "b"]);
    it.upstreams[0]!.when({ key: "a" }, wrong);
    it.upstreams[0]!.always(answer());
    for (let request = 0; request < 3; request++) expect((await it.ask("xai/grok-4")).status).toBe(200);
    expect([asked(it), it.rests()]).toEqual(["a b b b", ["a cooling 300"]]);
  });

  test("report 30: xAI's 400 for the request's own fault stays one", async () => {
    const fault = { code: "Client specified an invalid argument", error: "Argument not supported: presence_penalty" };
    const it = await bench([xai], ["a", "b"]);
    it.upstreams[0]!.always(status(400, fault));
    expect((await it.ask("xai/grok-4")).status).toBe(400);
    expect([asked(it), it.rests()]).toEqual(["a", []]);
  });
});
