import { describe, expect, it } from "vitest";
import { type Candidate, definePlugin, type Plugin, type PluginInput } from "waygate";
import type { Precedence } from "../../src/plugin/hooks.ts";
import { cooldown } from "waygate/plugins/cooldown";
import { concurrency } from "waygate/plugins/concurrency";
import { rotate } from "waygate/plugins/rotate";
import { tiers } from "waygate/plugins/tiers";
import { gate, later, answer, seededRandom, status } from "waygate/testing";
import { keyOf, lab } from "../rules/_lab.ts";

const oops = status(500, { error: { message: "Oops" } });

function policy(
  name: string,
  precedence: Precedence,
  handler: (list: readonly Candidate[]) => readonly Candidate[],
): Plugin {
  return definePlugin({ name, hooks: { selectKey: { precedence, handler: (list) => handler(list) } } });
}

const label = (candidate: Candidate): string => candidate.credential.label ?? "";
/** Candidates whose label holds the text come first. */
const prefer =
  (text: string) =>
  (list: readonly Candidate[]): readonly Candidate[] =>
    list.toSorted((a, b) => Number(label(b).includes(text)) - Number(label(a).includes(text)));
const without =
  (text: string) =>
  (list: readonly Candidate[]): readonly Candidate[] =>
    list.filter((candidate) => !label(candidate).includes(text));

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

describe("the fixed precedence", () => {
  it.each([
    ["tiers() before rotate()", (): PluginInput[] => [tiers([["two"], ["one"]]), rotate({ mode: "round-robin" })]],
    ["rotate() before tiers()", (): PluginInput[] => [rotate({ mode: "round-robin" }), tiers([["two"], ["one"]])]],
  ])("K5 %s: the better tier first, rotation within it", async (_name, plugins) => {
    await using bench = await lab({
      providers: { one: ["a", "b"], two: ["x", "y"] },
      plugins: plugins(),
      retry: { sameCredential: 0 },
      upstream: { y: oops },
    });
    for (let request = 0; request < 4; request++) await bench.ask("m");
    expect(bench.asked()).toBe("x y x y x y x");
  });

  it("K5 all shipped policies in every order give one order", async () => {
    const made = (): PluginInput[] => [
      tiers([["two"], ["one"]]),
      rotate({ mode: "sequential" }),
      cooldown(),
      concurrency({ optimal: 1 }),
    ];
    const runs = new Set<string>();
    for (let seed = 1; seed <= 12; seed++) {
      await using bench = await lab({
        providers: { one: ["a", { value: "b", priority: 1 }], two: ["x", { value: "y", priority: 1 }, "z"] },
        plugins: shuffled(made(), seededRandom(seed)),
        retry: { sameCredential: 0 },
        upstream: oops,
      });
      await bench.ask("m");
      runs.add(bench.asked());
    }
    expect([...runs]).toEqual(["y x z b a"]);
  });

  it("drops > alias position > tier > priority > affinity > balance, in whatever order the plugins stand", async () => {
    // Every preference pulls another way; a label is position, provider's tier, priority, and what the others want.
    const key = (value: string, priority: number): { value: string; label: string; priority: number } => ({
      value,
      label: value,
      priority,
    });
    const plugins = [
      policy("drop", "drop", without("gone")),
      policy("tier", "tier", (list) => list.toSorted((a, b) => (a.provider.tier ?? 9) - (b.provider.tier ?? 9))),
      policy("affinity", "affinity", prefer("mine")),
      policy("balance", "balance", prefer("idle")),
    ];
    const providers = {
      first: [key("f-gone-mine-idle", 1), key("f-late", 2), key("f-mine", 1), key("f-idle", 1), key("f-plain", 1)],
      second: [key("s-mine-idle", 1)],
    };
    for (let seed = 1; seed <= 24; seed++) {
      await using bench = await lab({
        providers,
        listed: { first: ["m", "n"], second: ["m"] },
        models: { smart: ["first/m", "second/m"] },
        plugins: shuffled(plugins, seededRandom(seed)),
        retry: { attempts: 9, sameCredential: 0 },
        upstream: oops,
      });
      await bench.ask("smart");
      expect(bench.asked()).toBe("f-mine f-idle f-plain f-late s-mine-idle");
    }
  });

  it("tier stands above key priority, and a second tier policy keeps what the first has sorted", async () => {
    const key = (value: string, priority: number): { value: string; label: string; priority: number } => ({
      value,
      label: value,
      priority,
    });
    const inner = policy("inner", "tier", prefer("x"));
    const outer = policy("outer", "tier", prefer("top"));
    await using bench = await lab({
      providers: { one: [key("top-1", 1), key("low-x", 2), key("top-x", 3), key("low-1", 1)] },
      plugins: [inner, outer],
      retry: { sameCredential: 0 },
      upstream: oops,
    });
    await bench.ask("one/m");
    expect(bench.asked()).toBe("top-x top-1 low-x low-1");
  });

  it("key priority holds also where the only tier policy declines the request", async () => {
    const declines = definePlugin({
      name: "declines",
      hooks: { selectKey: { precedence: "tier", when: () => false, handler: (list) => list } },
    });
    const balance = policy("balance", "balance", (list) => list.toReversed());
    await using bench = await lab({
      providers: { lab: [{ value: "p2", priority: 2 }, { value: "p1", priority: 1 }, "p9"] },
      plugins: [declines, balance],
      retry: { sameCredential: 0 },
      upstream: oops,
    });
    await bench.ask();
    expect(bench.asked()).toBe("p1 p2 p9");
  });

  it("works the same with asynchronous policies", async () => {
    const slow = definePlugin({
      name: "slow",
      hooks: { selectKey: { precedence: "tier", handler: async (list) => Promise.resolve(prefer("b")(list)) } },
    });
    await using bench = await lab({
      plugins: [slow, policy("balance", "balance", prefer("c"))],
      retry: { sameCredential: 0 },
      upstream: oops,
    });
    await bench.ask();
    expect(bench.asked()).toBe("b c a");
  });

  it("without policies walks the candidates in config order", async () => {
    await using bench = await lab({
      providers: { two: ["x", "y"], one: ["a"] },
      retry: { sameCredential: 0 },
      upstream: oops,
    });
    await bench.ask("m");
    expect(bench.asked()).toBe("x y a");
  });
});

describe("what policies leave behind", () => {
  it("every drop and every change of the first place is recorded with policy and reason", async () => {
    const drops = definePlugin({
      name: "limits",
      hooks: {
        selectKey: {
          precedence: "drop",
          handler: (list, _ctx, selection) => {
            selection.drop(list[0]!, { reason: "10 of 10 requests this minute", kind: "rate_limited", until: 1 });
            return list.slice(1);
          },
        },
      },
    });
    await using bench = await lab({
      plugins: [drops, policy("sticky", "affinity", prefer("c")), policy("mute", "drop", without("b"))],
    });
    await bench.ask();
    const decisions = bench.proxy.records[0]!.ctx.decisions.map(
      (each) => `${each.policy} ${each.action} ${label(each.candidate)}: ${each.reason}`,
    );
    expect(decisions).toEqual([
      "limits drop a: 10 of 10 requests this minute",
      "limits move b: first",
      "mute drop b: left out",
      "mute move c: first",
    ]);
    expect(bench.asked()).toBe("c");
  });

  it("a candidate that policies skip is no attempt", async () => {
    const keys = Array.from({ length: 30 }, (_, index) => `k${index}`);
    await using bench = await lab({
      providers: { lab: keys },
      plugins: [policy("picky", "drop", (list) => list.slice(25))],
      retry: { attempts: 2 },
    });
    const reply = await bench.ask();
    expect([reply.status, reply.headers.get("x-waygate-attempts")]).toEqual([200, "1"]);
    expect(bench.asked()).toBe("k25");
  });

  it("a policy that returns no list is named in the log, not guessed at", async () => {
    const broken = definePlugin({ name: "broken", hooks: { selectKey: (() => undefined) as never } });
    await using bench = await lab({ plugins: [broken], faults: /broken/ });
    expect((await bench.ask()).status).toBe(500);
    expect(bench.proxy.logged.join("\n")).toContain("[broken] selectKey: it must return a list");
  });
});

describe("ten thousand keys", () => {
  const count = 10_000;
  const keys = Array.from({ length: count }, (_, index) => `k${index}`);
  const slow = definePlugin({ name: "slow", hooks: { selectKey: async (list) => Promise.resolve(list) } });

  it("selectKey sees 64 at most per target, and all keys come to their turn", { timeout: 60_000 }, async () => {
    const seen: number[] = [];
    const spy = policy("spy", "drop", (list) => {
      seen.push(list.length);
      return list;
    });
    await using bench = await lab({ providers: { lab: keys }, plugins: [spy, rotate()] });
    for (let request = 0; request < count; request++) {
      await bench.proxy.chat({ model: "lab/m" });
    }
    expect(Math.max(...seen)).toBe(64);
    const uses = new Map<string, number>();
    for (const { key } of bench.calls) uses.set(key, (uses.get(key) ?? 0) + 1);
    expect(Math.max(...uses.values())).toBeLessThanOrEqual(8);
    expect(uses.size).toBeGreaterThan(count * 0.6);
  });

  it("a view of which policies drop everything is refilled", async () => {
    const last = policy("picky", "drop", (list) => list.filter((candidate) => label(candidate) === "k9999"));
    await using bench = await lab({ providers: { lab: keys }, plugins: [last] });
    expect((await bench.ask()).status).toBe(200);
    expect(bench.asked()).toBe("k9999");
  });

  it("a target is refilled before a later target gets its turn", async () => {
    const last = policy("picky", "drop", (list) =>
      list.filter((candidate) => ["k200", "x"].includes(label(candidate))),
    );
    await using bench = await lab({
      providers: { lab: keys.slice(0, 300), other: ["x"] },
      models: { smart: ["lab/m", "other/m"] },
      plugins: [last],
    });
    await bench.ask("smart");
    expect(bench.asked()).toBe("k200");
  });

  it.each([
    ["without policies", []],
    ["with an asynchronous policy", [slow]],
  ])("busy keys of a view do not hide the free ones behind it, %s", async (_name, plugins) => {
    const held = gate();
    await using bench = await lab({
      providers: { lab: keys.slice(0, 100), other: ["x"] },
      concurrency: 1,
      models: { smart: ["lab/m", "other/m"] },
      plugins,
      upstream: later(answer(), held),
    });
    const pending = Array.from({ length: 101 }, () => bench.proxy.chat({ model: "smart" }));
    await bench.clock.advance(0);
    const asked = bench.asked().split(" ");
    expect(asked.toSorted()).toEqual([...keys.slice(0, 100), "x"].toSorted());
    expect(asked.at(-1)).toBe("x");
    held.open();
    for (const each of pending) expect((await bench.finish(each)).status).toBe(200);
  });

  it("keys that rest and return stand where the config has them", async () => {
    await using bench = await lab({
      providers: { lab: keys.slice(0, 10) },
      plugins: [cooldown({ breaker: false })],
      retry: { sameCredential: 0, attempts: 20 },
      upstream: oops,
    });
    for (const name of ["k3", "k0", "k7"]) {
      bench.pool.rest(
        { provider: "lab", credential: bench.id(name) },
        { state: "cooling", until: bench.clock.now() + 1000, policy: "test", reason: "test", kind: "failing" },
      );
    }
    await bench.ask();
    expect(bench.asked()).toBe("k1 k2 k4 k5 k6 k8 k9");
    await bench.clock.advance(1000);
    await bench.ask();
    expect(bench.asked()).toBe(keys.slice(0, 10).join(" "));
  });
});

describe("x-fallback-provider", () => {
  const fallback = async (bench: Awaited<ReturnType<typeof lab>>, model: string): Promise<string | null> =>
    (await bench.ask(model)).headers.get("x-fallback-provider");
  const rest = (bench: Awaited<ReturnType<typeof lab>>, key: string): void =>
    bench.pool.rest(
      { provider: "one", credential: bench.id(key) },
      { state: "cooling", until: bench.clock.now() + 60_000, policy: "test", reason: "test", kind: "rate_limited" },
    );

  it.each([
    ["an alias", "smart", [] as PluginInput[]],
    ["a model of several providers", "m", []],
    ["a model of several providers in tiers", "m", [tiers([["one"], ["two"]])]],
    ["a provider's model with tiers", "one/m", [tiers([["one"], ["two"]])]],
  ])("is set when the first preferred provider was tried or skipped: %s", async (_name, model, plugins) => {
    let broken = false;
    await using bench = await lab({
      // Against the order of the config, so that the tiers matter.
      providers: plugins.length > 0 ? { two: ["b"], one: ["a"] } : { one: ["a"], two: ["b"] },
      models: { smart: ["one/m", "two/m"] },
      plugins,
      retry: { sameCredential: 0 },
      upstream: (request) => (broken && request.key === "a" ? oops : answer()),
    });
    expect(await fallback(bench, model)).toBeNull();
    broken = true;
    expect(await fallback(bench, model)).toBe("two");
    broken = false;
    rest(bench, "a");
    expect(await fallback(bench, model)).toBe("two");
    expect(bench.asked()).toBe("a a b b");
  });

  it("is set when policies dropped or concurrency filled every key of the preferred provider", async () => {
    const held = gate();
    await using dropped = await lab({
      providers: { one: ["a"], two: ["b"] },
      plugins: [policy("picky", "drop", without("a"))],
    });
    expect(await fallback(dropped, "m")).toBe("two");
    await using full = await lab({
      providers: { one: ["a"], two: ["b"] },
      concurrency: 1,
      upstream: { a: later(answer(), held) },
    });
    const first = full.proxy.chat({ model: "m" });
    await full.clock.advance(0);
    expect(await fallback(full, "m")).toBe("two");
    held.open();
    await full.finish(first);
  });

  it("is not set when a policy prefers another provider of equals", async () => {
    await using bench = await lab({
      providers: { one: ["a"], two: ["b"] },
      plugins: [policy("sticky", "affinity", prefer("b"))],
    });
    expect(await fallback(bench, "m")).toBeNull();
    expect(bench.asked()).toBe("b");
  });

  it("is not set for a provider that has no key at all", async () => {
    await using bench = await lab({ providers: { one: [], two: ["b"] } });
    expect(await fallback(bench, "m")).toBeNull();
    bench.pool.add(keyOf("one", "a"));
    expect(await fallback(bench, "m")).toBeNull();
    expect(bench.asked()).toBe("b a");
  });
});
