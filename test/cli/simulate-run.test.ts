/** Single runs: real plugins on stand-ins for providers, in virtual time. */
import type { PluginInput } from "waygate";
import { concurrency } from "waygate/plugins/concurrency";
import { groq } from "waygate/plugins/groq";
import { limits } from "waygate/plugins/limits";
import { openai } from "waygate/plugins/openai";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";
import { tiers } from "waygate/plugins/tiers";
import { describe, expect, test } from "vitest";
import { loadCatalog } from "../../src/catalog/load.ts";
import { keyName } from "../../src/cli/keys.ts";
import { checkSwap, probeTiers, swapTiers } from "../../src/cli/simulate-tiers.ts";
import type { AskShape } from "../../src/simulation/user/asks.ts";
import type { AssumptionRule } from "../../src/simulation/user/assumption.ts";
import type { RunReport } from "../../src/simulation/user/report.ts";
import { runIn } from "../../src/simulation/user/run.ts";
import type { StandInOptions } from "../../src/simulation/user/stand-ins.ts";
import type { WhatIf } from "../../src/simulation/user/what-if.ts";
import { openWorld } from "../../src/simulation/user/world.ts";

const DAY = 86_400_000;
const start = Date.UTC(2026, 0, 5, 3);
const seed = 42;

interface Asked extends StandInOptions, Partial<Omit<AskShape, "start">> {
  readonly plugins: readonly PluginInput[];
  readonly models?: { readonly [alias: string]: readonly string[] };
  readonly rules?: readonly AssumptionRule[];
  readonly change?: WhatIf;
}

async function report({ plugins, models, rules = [], change, replace, appFor, ...more }: Asked): Promise<RunReport> {
  const catalog = await loadCatalog();
  const config = { plugins, models };
  const world = await openWorld({
    config,
    start,
    seed,
    rules,
    catalog,
    ...(replace && { replace }),
    ...(appFor && { appFor }),
  });
  const shape: AskShape = {
    start,
    duration: DAY,
    perDay: 200,
    shape: "flat",
    hour: 3,
    model: "smart",
    clients: 3,
    stream: 0.5,
    input: 100,
    output: 20,
    ...more,
  };
  const end = start + shape.duration;
  const named = [shape.model];
  try {
    return await runIn(world, { traffic: { shape }, seed, models: named, start, end, change, nameOf: keyName });
  } finally {
    await world.close();
  }
}

const lab = (
  ...keys: { readonly label: string; readonly limits?: { readonly rpd?: number; readonly rpm?: number } }[]
) =>
  openaiCompatible({
    name: "lab",
    baseURL: "http://lab.invalid/v1",
    models: ["a"],
    keys: keys.map((key) => ({ value: `a-key-of-the-lab-${key.label}`, ...key })),
  });

describe("a simulated run", () => {
  test("asks as often as it was told to and counts every request once", async () => {
    const run = await report({ plugins: [lab({ label: "one" }), ...resilience()], model: "lab/a", perDay: 333 });
    expect(run).toMatchObject({ requests: 333, answered: 333, refused: 0, failed: 0 });
    expect(run.keys).toMatchObject([{ provider: "lab", key: "one", sent: 333, limited: 0, dry: [] }]);
    expect(run.tokens.input / 333).toBeGreaterThan(60);
    expect(run.tokens.input / 333).toBeLessThan(160);
    expect(run.faults.size).toBe(0);
  });

  test("lets the provider itself refuse where no policy counts its limits", async () => {
    const run = await report({ plugins: [lab({ label: "one", limits: { rpd: 50 } })], model: "lab/a" });
    expect(run).toMatchObject({ answered: 50, refused: 150 });
    expect(run.keys[0]!.limited).toBeGreaterThanOrEqual(150);
    expect(run.keys[0]!.dry).toHaveLength(1);
    expect(run.keys[0]!.dry[0]!.until).toBe(start + DAY);
  });

  test("takes an assumption over what the config says, and failures as often as assumed", async () => {
    const plugins = (): PluginInput[] => [lab({ label: "one", limits: { rpd: 50 } }), ...resilience()];
    const free = await report({ plugins: plugins(), model: "lab/a", rules: [{ provider: "lab", rpd: 0 }] });
    // The policies go on keeping what the config states, and the provider does not refuse.
    expect(free.keys[0]!.limited).toBe(0);
    const broken = await report({
      plugins: [lab({ label: "one" })],
      model: "lab/a",
      rules: [{ provider: "*", errors: 1 }],
    });
    expect(broken.answered).toBe(0);
    expect(broken.refused + broken.failed).toBe(200);
  });

  test("makes requests wait for a place as the config says", async () => {
    const rules = [{ provider: "lab", latency: 1000, speed: 1 }];
    const asked = { model: "lab/a", perDay: 2000, rules, output: 60, stream: 0 };
    const alone = await report({ ...asked, plugins: [lab({ label: "one" }), concurrency({ perCredential: 1 })] });
    const open = await report({ ...asked, plugins: [lab({ label: "one" })] });
    expect(open.refused).toBe(0);
    expect(alone.refused).toBeGreaterThan(100);
    expect(alone.firstByte!.p95).toBeGreaterThan(open.firstByte!.p50);
  });

  test("lets simulated clients in without a key, and holds the limits of each", async () => {
    const plugins = (): PluginInput[] => [
      proxyKey({ keys: ["a-key-of-this-proxy"] }),
      lab({ label: "one" }),
      limits({ client: { rpd: 40 } }),
    ];
    const alone = await report({ plugins: plugins(), model: "lab/a", clients: 1 });
    expect(alone).toMatchObject({ answered: 40, refused: 160, refusedBy: { quota_exceeded: 160 } });
    const four = await report({ plugins: plugins(), model: "lab/a", clients: 4 });
    expect(four.answered).toBeGreaterThan(100);
    expect(four.answered).toBeLessThanOrEqual(160);
  });

  test("with more keys refuses less, and without the only one refuses all", async () => {
    const plugins = (): PluginInput[] => [lab({ label: "one", limits: { rpd: 50 } }), ...resilience()];
    const asked = { model: "lab/a" };
    const more = await report({ ...asked, plugins: plugins(), change: { kind: "add", provider: "lab", count: 2 } });
    expect(more).toMatchObject({ answered: 150, refused: 50 });
    expect(more.keys.map(({ key }) => key)).toEqual(["one", "added-1", "added-2"]);
    const none = await report({ ...asked, plugins: plugins(), change: { kind: "without", provider: "lab" } });
    expect(none).toMatchObject({ answered: 0, refused: 200, keys: [] });
    expect(none.usable.every(({ usable }) => usable === 0)).toBe(true);
  });
});

describe("swapped tiers", () => {
  const keys = ["a-key-of-some-provider"];
  const plugins = (): PluginInput[] => [
    groq({ keys, models: ["openai/gpt-oss-120b"] }),
    openai({ keys, models: ["gpt-5"] }),
    tiers([["groq"], ["openai"]]),
    ...resilience(),
  ];

  test("are found with their numbers, and unknown ones are wrong use", async () => {
    const probe = probeTiers();
    const world = await openWorld({
      config: { plugins: plugins() },
      start,
      seed,
      rules: [],
      catalog: await loadCatalog(),
      appFor: probe.appFor,
    });
    const found = probe.tiersOf(world.pipeline.app);
    await world.close();
    expect([...found!.of]).toEqual([
      ["groq", 1],
      ["openai", 2],
    ]);
    expect(found!.pin).toBe(false);
    expect(() => checkSwap(found, [2, 3])).toThrow(/There is no tier 3[\s\S]*1 \(groq\), 2 \(openai\)/);
    expect(() => checkSwap(undefined, [2, 3])).toThrow(/no tiers to swap/);
  });

  test("send the requests to the other provider, at its price", async () => {
    // One model of two providers, which only tiers order.
    const shared = (): PluginInput[] => [
      groq({ keys, models: ["llama-3.3-70b-versatile"] }),
      openai({ keys, models: ["llama-3.3-70b-versatile"] }),
      tiers([["groq"], ["openai"]]),
      ...resilience(),
    ];
    const before = await report({ plugins: shared(), model: "llama-3.3-70b-versatile" });
    const of = new Map([
      ["groq", 1],
      ["openai", 2],
    ]);
    const replace = await swapTiers({ of, pin: false }, [1, 2]);
    const after = await report({ plugins: shared(), model: "llama-3.3-70b-versatile", replace });
    expect(before.keys.map(({ sent }) => sent)).toEqual([200, 0]);
    expect(after.keys.map(({ sent }) => sent)).toEqual([0, 200]);
    expect(before.unpriced).toBe(0);
    expect(before.cost).toBeGreaterThan(0);
    expect(after.cost).not.toBe(before.cost);
  });
});
