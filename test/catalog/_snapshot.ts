import type { Snapshot } from "../../src/catalog/snapshot.ts";

/** A small catalogue of made-up models: what a refresh changes in the real one must not break a test. */
export const snapshot: Snapshot = {
  sources: {},
  providers: {
    openai: {
      "gpt-x": {
        context: 400_000,
        output: 128_000,
        price: [2, 8, 0.5],
        in: "text image",
        out: "text",
        can: "tools reasoning",
        cannot: "temperature",
        family: "gpt",
      },
      "gpt-x-2020-01-01": { price: [5, 15] },
      shared: { context: 1 },
    },
    anthropic: {
      "claude-y-4-5": {
        context: 200_000,
        price: [3, 15, 0.3, 3.75],
        tiers: [
          [200_000, 6, 22.5, 0.6, 7.5],
          [500_000, 12, 45],
        ],
        released: "2025-09-29",
      },
      shared: { context: 2 },
    },
    mistral: { "large-latest": { price: [1, 2] } },
    openrouter: { "openai/gpt-x": { price: [2.1, 8.4] }, "lab/free:free": { price: [0, 0] } },
    nvidia_nim: { "lab/z": { context: 8000 } },
  },
};
