import { expect, test } from "vitest";
import { defineConfig } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";

test("the preset is rotation, cooldown, limits in flight and affinity", () => {
  expect(resilience().map(({ name }) => name)).toEqual(["rotate", "cooldown", "concurrency", "sticky"]);
  expect(resilience({ sticky: false }).map(({ name }) => name)).toEqual(["rotate", "cooldown", "concurrency"]);
});

test("each part takes its options", () => {
  expect(() => resilience({ rotate: { mode: "nonsense" as "random" } })).toThrow(/nonsense/);
  const [, , limits] = resilience({ concurrency: { optimal: 1 } });
  expect(limits!.hooks?.selectKey).toBeDefined();
});

test("a config that lists the preset still knows its providers", () => {
  const lab = openaiCompatible({ name: "lab", baseURL: "http://x", keys: ["k"], models: ["llama"] });
  // @ts-expect-error there is no such provider
  const config = defineConfig({ plugins: [lab, resilience()], models: { a: "nowhere/llama" } });
  expect(config.plugins).toHaveLength(2);
});
