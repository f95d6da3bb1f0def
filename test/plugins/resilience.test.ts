import { describe, expect, test } from "vitest";
import { createProxy, defineConfig, type PluginInput } from "waygate";
import { limits } from "waygate/plugins/limits";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
import { lab } from "../rules/_lab.ts";

test("the preset is rotation, cooldown, limits in flight, stated limits, empty answers and affinity", () => {
  expect(resilience().map(({ name }) => name)).toEqual([
    "rotate",
    "cooldown",
    "concurrency",
    "stated-limits",
    "empty-answer",
    "sticky",
  ]);
  expect(
    resilience({ sticky: false, emptyAnswer: false, limits: { keys: { rpm: 3 } } }).map(({ name }) => name),
  ).toEqual(["rotate", "cooldown", "concurrency", "limits"]);
});

describe("limits that keys and providers state", () => {
  const stated = { lab: [{ value: "a", limits: { rpm: 2 } }] };
  const statuses = async (plugins: readonly PluginInput[]): Promise<string> => {
    await using bench = await lab({ providers: stated, plugins, retry: { queueWait: 0 } });
    const found: number[] = [];
    for (let count = 0; count < 4; count++) found.push((await bench.ask()).status);
    return found.join(" ");
  };

  test("hold without a further plugin, and once beside limits(), in either order", async () => {
    expect(await statuses([resilience()])).toBe("200 200 429 429");
    expect(await statuses([resilience(), limits()])).toBe("200 200 429 429");
    expect(await statuses([limits(), resilience()])).toBe("200 200 429 429");
    expect(await statuses([resilience({ limits: { margin: 0.5 } })])).toBe("200 429 429 429");
  });

  test("of a provider are those of each of its keys", async () => {
    const provider = openaiCompatible({
      name: "all",
      baseURL: "http://127.0.0.1:9/v1",
      keys: ["k"],
      models: ["m"],
      limits: { rpm: 1 },
    });
    await using bench = await lab({ plugins: [provider, resilience()], retry: { queueWait: 0, attempts: 1 } });
    expect((await bench.ask("all/m")).status).toBe(200);
    expect((await bench.ask("all/m")).status).toBe(429);
  });

  test("are no matter of the preset twice: its own options beside limits() are a fault of the config", () => {
    const config = { plugins: [limits(), resilience({ limits: { keys: { rpm: 1 } } })] };
    expect(() => createProxy(config)).toThrow(/limits/);
  });
});

test("each part takes its options", () => {
  expect(() => resilience({ rotate: { mode: "nonsense" as "random" } })).toThrow(/nonsense/);
  const [, , concurrency] = resilience({ concurrency: { optimal: 1 } });
  expect(concurrency!.hooks?.selectKey).toBeDefined();
});

test("a config that lists the preset still knows its providers", () => {
  const llamas = openaiCompatible({ name: "lab", baseURL: "http://x", keys: ["k"], models: ["llama"] });
  // @ts-expect-error there is no such provider
  const config = defineConfig({ plugins: [llamas, resilience()], models: { a: "nowhere/llama" } });
  expect(config.plugins).toHaveLength(2);
});
