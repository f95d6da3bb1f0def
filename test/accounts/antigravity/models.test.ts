import { describe, expect, it, test } from "vitest";
import type { GenerateRequest, JsonObject } from "waygate";
import { factsOf, type Level, modelFor } from "../../../plugins/antigravity/models.ts";
import { thinkingFor, wantedIn } from "../../../plugins/antigravity/thinking.ts";

const none = new Map<string, string>();

describe("the model that is asked", () => {
  it.each<[string, Level | "none" | undefined, string]>([
    ["gemini-3-pro-preview", undefined, "gemini-3-pro-high"],
    ["gemini-3-pro-preview", "low", "gemini-3-pro-low"],
    ["gemini-3-pro-preview", "none", "gemini-3-pro-low"],
    ["gemini-3.1-pro-preview", "medium", "gemini-pro-agent"],
    ["gemini-3.1-pro", "low", "gemini-3.1-pro-low"],
    ["gemini-3.1-pro-low", "high", "gemini-3.1-pro-low"],
    ["gemini-3.5-flash", undefined, "gemini-3.5-flash-low"],
    ["gemini-3.5-flash", "high", "gemini-3-flash-agent"],
    ["gemini-3.5-flash", "minimal", "gemini-3.5-flash-extra-low"],
    ["gemini-3-flash-preview", undefined, "gemini-3-flash"],
    ["gemini-3-pro-image-preview", undefined, "gemini-3-pro-image"],
    ["gemini-2.5-computer-use-preview-10-2025", undefined, "rev19-uic3-1p"],
    ["gemini-2.5-flash", "medium", "gemini-2.5-flash-thinking"],
    ["gemini-2.5-flash", undefined, "gemini-2.5-flash"],
    ["claude-opus-4.6", undefined, "claude-opus-4-6-thinking"],
    ["claude-opus-4-6-thinking", "none", "claude-opus-4-6-thinking"],
    ["claude-sonnet-4.5", undefined, "claude-sonnet-4-5"],
    ["claude-sonnet-4.5", "high", "claude-sonnet-4-5-thinking"],
    ["claude-sonnet-4-5-20250929", undefined, "claude-sonnet-4-5"],
    ["gpt-oss-120b-medium", "high", "gpt-oss-120b-medium"],
    ["something-new", "high", "something-new"],
  ])("for %s with %s is %s", (name, level, id) => {
    expect(modelFor(name, { level }, none)).toBe(id);
  });

  test("google 14.26 sonnet 4.6 has one id, thinking or not", () => {
    for (const name of ["claude-sonnet-4.6", "claude-sonnet-4-6", "claude-sonnet-4-6-thinking"]) {
      expect(modelFor(name, { level: "high" }, none)).toBe("claude-sonnet-4-6");
    }
  });

  test("follows the names that the service has given up, and does not go round in circles", () => {
    const renamed = new Map([
      ["gemini-3-pro-high", "gemini-pro-agent"],
      ["a", "b"],
      ["b", "a"],
    ]);
    expect(modelFor("gemini-3-pro-preview", { level: undefined }, renamed)).toBe("gemini-pro-agent");
    expect(["a", "b"]).toContain(modelFor("a", { level: undefined }, renamed));
  });

  test("is chosen by whatever a request says of thinking", () => {
    const configs: readonly JsonObject[] = [
      {},
      { thinkingLevel: "LOW" },
      { thinkingBudget: 0 },
      { thinkingBudget: -1 },
      { thinkingBudget: 900 },
      { thinkingBudget: 30_000 },
      { includeThoughts: true },
    ];
    const levels = configs.map((config) => wantedIn(config).level);
    expect(levels).toEqual([undefined, "low", "none", "high", "low", "high", "high"]);
  });
});

type Reasoning = GenerateRequest["reasoning"];

describe("how much a model is to think", () => {
  it.each<[string, Reasoning, JsonObject | undefined]>([
    ["gemini-3-flash", undefined, { includeThoughts: true, thinkingLevel: "high" }],
    ["gemini-3-flash", { effort: "none" }, { includeThoughts: false, thinkingLevel: "minimal" }],
    ["gemini-3-flash", { effort: "minimal" }, { includeThoughts: true, thinkingLevel: "low" }],
    ["gemini-3-flash", { effort: "medium" }, { includeThoughts: true, thinkingLevel: "medium" }],
    ["gemini-3-flash", { effort: "xhigh" }, { includeThoughts: true, thinkingLevel: "high" }],
    ["gemini-3-flash", { budget: 20_000 }, { includeThoughts: true, thinkingLevel: "high" }],
    ["gemini-3-flash", { budget: 500, visible: false }, { includeThoughts: false, thinkingLevel: "low" }],
    ["gemini-3-pro", { effort: "medium" }, { includeThoughts: true, thinkingLevel: "high" }],
    ["gemini-3-pro", { effort: "none" }, { includeThoughts: false, thinkingLevel: "low" }],
    ["gemini-3.1-pro", { effort: "medium" }, { includeThoughts: true, thinkingLevel: "medium" }],
    ["gemini-3.1-flash-lite", undefined, { includeThoughts: true, thinkingLevel: "minimal" }],
    // Its name says how much.
    ["gemini-pro-agent", { effort: "low" }, { includeThoughts: true }],
    ["gemini-3.5-flash-low", { effort: "none" }, { includeThoughts: false }],
    ["gemini-2.5-flash", undefined, { includeThoughts: true, thinkingBudget: -1 }],
    ["gemini-2.5-flash", { effort: "low" }, { includeThoughts: true, thinkingBudget: 6144 }],
    ["gemini-2.5-flash", { effort: "none" }, { includeThoughts: false, thinkingBudget: 0 }],
    ["gemini-2.5-flash", { budget: 99_999 }, { includeThoughts: true, thinkingBudget: 24_576 }],
    ["gemini-2.5-flash-lite", { budget: 10 }, { includeThoughts: true, thinkingBudget: 512 }],
    ["gemini-2.5-pro", { effort: "none" }, { includeThoughts: false, thinkingBudget: 128 }],
    ["gemini-2.5-pro", { effort: "high" }, { includeThoughts: true, thinkingBudget: 32_768 }],
    ["claude-sonnet-4-6", undefined, undefined],
    ["claude-sonnet-4-6", { effort: "none" }, undefined],
    ["claude-sonnet-4-6", { effort: "low" }, { includeThoughts: true, thinkingBudget: 8192 }],
    ["claude-sonnet-4-6", { effort: "high" }, { includeThoughts: true, thinkingBudget: 31_999 }],
    ["claude-sonnet-4-6", { budget: 5 }, { includeThoughts: true, thinkingBudget: 1024 }],
    ["claude-sonnet-4-6", { budget: -1 }, { includeThoughts: true, thinkingBudget: 16_384 }],
    ["claude-opus-4-6-thinking", undefined, { includeThoughts: true, thinkingBudget: 16_384 }],
    ["gpt-oss-120b-medium", { effort: "high" }, undefined],
    ["gemini-3-pro-image", { effort: "high" }, undefined],
  ])("%s, asked for %o", (id, reasoning, wanted) => {
    expect(thinkingFor(factsOf(id), reasoning)).toEqual(wanted);
  });

  test("a level that the client has named itself is kept where the model has it", () => {
    expect(thinkingFor(factsOf("gemini-3-flash"), { effort: "minimal" }, "minimal")).toMatchObject({
      thinkingLevel: "minimal",
    });
    expect(thinkingFor(factsOf("gemini-3-pro"), { effort: "medium" }, "medium")).toMatchObject({
      thinkingLevel: "high",
    });
  });
});
