/** What users of other proxies reported of single providers, over the whole proxy. Rows of rules/reports.md. */
import { describe, expect, onTestFinished, test } from "vitest";
import type { Plugin } from "waygate";
import { agentrouter } from "waygate/plugins/agentrouter";
import { cooldown } from "waygate/plugins/cooldown";
import { g4f } from "waygate/plugins/g4f";
import { huggingface } from "waygate/plugins/huggingface";
import { mistral } from "waygate/plugins/mistral";
import { puter } from "waygate/plugins/puter";
import {
  allEvents,
  answer,
  chunk,
  createTestProxy,
  status,
  type Step,
  stream,
  type TestProxy,
  textOfEvents,
  type Upstream,
  virtualClock,
  type VirtualClock,
} from "waygate/testing";
import { createFake, type Fake, start } from "./fakes/fake.ts";
import * as free from "./fakes/free.ts";
import * as gateways from "./fakes/gateways.ts";
import * as labs from "./fakes/labs.ts";

interface Bench {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
  readonly clock: VirtualClock;
  /** Keys asked so far. */
  asked(): string;
  /** `LABEL[/MODEL] STATE UNTIL`. */
  rests(): readonly string[];
}

type Options = { readonly baseURL: string; readonly keys: readonly string[]; readonly discover: false };

/** A provider before its stand-in, with the keys `one` and `two`, and cooldown(). */
async function bench(fake: Fake, make: (options: Options) => Plugin): Promise<Bench> {
  const upstream = await createFake(fake);
  const clock = virtualClock({ start });
  const plugin = make({ baseURL: upstream.url, keys: ["one", "two"], discover: false });
  const proxy = await createTestProxy({
    plugins: [plugin, cooldown()],
    retry: { sameCredential: 0 },
    runtime: { clock, random: () => 0.5 },
  });
  onTestFinished(async () => {
    await proxy.close();
    await upstream.close();
  });
  return {
    proxy,
    upstream,
    clock,
    asked: () => upstream.requests.map(({ key }) => key ?? "").join(" "),
    rests: () =>
      proxy.app.credentials
        .rests()
        .map(({ target: { model }, rest: { state, until } }) => `${model ?? "all"} ${state} ${(until - start) / 1000}`),
  };
}

describe("report 33: g4f", () => {
  test.each<[string, Step, string]>([
    ["a 429 inside a 500", free.g4f.plays["rate-in-500"]!.reply, "m cooling 60"],
    ["a page with a 200", free.g4f.plays["page"]!.reply, "m cooling 20"],
    ["a limit inside a 200", free.g4f.plays["inside"]!.reply, "m cooling 60"],
  ])("report 33: %s is read before its status, and the next key answers", async (_, bad, rest) => {
    const it = await bench(free.g4f, (options) => g4f({ ...options }));
    it.upstream.when({ key: "one" }, bad);
    for (const isStream of [false, true]) {
      const response = await it.proxy.chat({ model: "g4f_main/m", stream: isStream });
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining("ok")]);
      // The page is the provider's own trouble, which rests a key from the second time on.
      it.upstream.when({ key: "two" }, answer({ text: "ok" }));
    }
    expect(it.asked()).toMatch(/^one two/);
    expect(it.rests().filter((each) => each !== rest)).toEqual([]);
  });
});

test("report 46: Mistral is not sent the stream_options of a client, and its usage is known all the same", async () => {
  const it = await bench(labs.mistral, mistral);
  const response = await it.proxy.chat({
    model: "mistral/m",
    stream: true,
    stream_options: { include_usage: true, include_obfuscation: false },
  });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('"usage"');
  expect(it.upstream.requests[0]!.json).not.toHaveProperty("stream_options");
  expect((await it.proxy.recorded(1)).outcome.usage).toMatchObject({ input: 9, output: 3 });
});

test("report 52: a client that is not admitted is told so, no key is blamed and no other one is asked", async () => {
  const it = await bench(gateways.agentrouter, agentrouter);
  const response = await it.proxy.chat({ model: "agentrouter/m" });
  expect(response.status).toBe(400);
  const { error } = (await response.json()) as { error: { message: string; code: string } };
  expect(error.message).toMatch(/certain client programs only.*another key changes nothing/);
  expect(it.asked()).toBe("one");
  expect(it.rests()).toEqual([]);
  const admitted = await it.proxy.chat({ model: "agentrouter/m" }, { headers: { "user-agent": "codex/9" } });
  expect(admitted.status).toBe(200);
});

describe("report 54: Puter", () => {
  const words = { index: 0, message: { role: "assistant", content: "Lorem ipsum" }, finish_reason: "stop" };
  const whole = status(200, { choices: [words], metadata: { service_used: "fake-chat" } });
  const streamed = stream([
    { ...chunk({ content: "Lorem ipsum" }), metadata: { service_used: "fake-chat" } },
    chunk({}, { finish: "stop" }),
  ]);

  test.each([
    ["whole", whole, false],
    ["streamed", streamed, true],
  ] as const)(
    "report 54: an answer of its stand-in (%s) is never given, and rests the key",
    async (_, step, isStream) => {
      const it = await bench(gateways.puter, puter);
      it.upstream.when({ key: "one" }, step);
      const response = await it.proxy.chat({ model: "puter/m", stream: isStream });
      const text = isStream ? textOfEvents(await allEvents(response)) : await response.text();
      expect(text).toContain("ok");
      expect(text).not.toContain("Lorem");
      expect(it.asked()).toBe("one two");
      expect(it.rests()).toEqual(["all exhausted 300"]);
    },
  );

  test("report 54: used up, said as a 400 of its delegate, is no fault of the request", async () => {
    const it = await bench(gateways.puter, puter);
    it.upstream.when({ key: "one" }, gateways.puter.plays["no-usage-old"]!.reply);
    expect((await it.proxy.chat({ model: "puter/m" })).status).toBe(200);
    expect(it.asked()).toBe("one two");
    expect(it.rests()).toEqual(["all exhausted 300"]);
  });
});

test("report 56: monthly credits rest the key for all its models until the first of next month", async () => {
  const it = await bench(gateways.huggingface, huggingface);
  it.upstream.when({ key: "one" }, gateways.huggingface.plays["credits"]!.reply);
  expect((await it.proxy.chat({ model: "huggingface/a/m" })).status).toBe(200);
  expect((await it.proxy.chat({ model: "huggingface/b/n" })).status).toBe(200);
  expect(it.asked()).toBe("one two two");
  expect(it.rests()).toEqual([`all exhausted ${(Date.UTC(2026, 3, 1) - start) / 1000}`]);
});
