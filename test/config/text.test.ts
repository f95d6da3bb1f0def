import { describe, expect, it } from "vitest";
import { compileAliases } from "../../src/config/aliases.ts";
import { nearest } from "../../src/config/nearest.ts";
import { ConfigError, type ConfigProblem, formatPath, formatProblem } from "../../src/config/problem.ts";

describe("nearest", () => {
  const known = ["gemini_cli", "groq", "g4f_main", "openai", "openrouter"];

  it("finds the known word a slip away", () => {
    expect(nearest("gemni_cli", known)).toBe("gemini_cli");
    expect(nearest("gorq", known)).toBe("groq");
    expect(nearest("opnai", known)).toBe("openai");
    expect(nearest("Gemini-CLI", known)).toBe("gemini_cli");
    expect(nearest("opeanrouter", known)).toBe("openrouter");
  });

  it("prefers fewer edits, then the first", () => {
    expect(nearest("openaii", ["openbii", "openai"])).toBe("openbii");
    expect(nearest("serve", ["servers", "server"])).toBe("server");
  });

  it("finds nothing that is not near, for short and for very long words", () => {
    expect(nearest("anthropic", known)).toBeUndefined();
    expect(nearest("xai", ["ai21", "o1"])).toBeUndefined();
    expect(nearest("a", ["b"])).toBeUndefined();
    expect(nearest("", known)).toBeUndefined();
    expect(nearest("x".repeat(100_000), [`${"x".repeat(99_999)}y`])).toBeUndefined();
  });
});

describe("compileAliases", () => {
  const providers = ["openai", "gemini_cli", "groq"];

  it("prefers an exact alias, then the pattern with the longest literal, then the first", () => {
    const table = compileAliases(
      {
        "*": ["openai/*"],
        "gpt-*": ["openai/gpt-*"],
        "gpt-5": ["groq/x"],
        "*-mini": ["groq/*-mini"],
        "*t-5x": ["groq/*"],
        "*5y": ["openai/*"],
        "gp*": ["groq/gp*"],
      },
      providers,
    );
    expect(table.match("gpt-5")).toEqual(["groq/x"]);
    expect(table.match("gpt-4")).toEqual(["openai/gpt-4"]);
    expect(table.match("gpt-5-mini")).toEqual(["groq/gpt-5-mini"]);
    expect(table.match("other")).toEqual(["openai/other"]);
    // Equally long literals: the one listed first.
    expect(table.match("gpt-5x")).toEqual(["openai/gpt-5x"]);
    expect(table.match("gp-5y")).toEqual(["openai/gp-"]);
    expect(table.names()).toEqual(["gpt-5"]);
  });

  it("fills in the same text on both sides, also text that looks like a replacement", () => {
    const table = compileAliases({ "fast/*": ["groq/*", "openai/*-fast"] }, providers);
    expect(table.match("fast/a/b")).toEqual(["groq/a/b", "openai/a/b-fast"]);
    expect(table.match("fast/$&")).toEqual(["groq/$&", "openai/$&-fast"]);
    expect(table.match("fast/")).toBeUndefined();
    expect(table.match("fast/*")).toBeUndefined();
    expect(table.match("slow/a")).toBeUndefined();
  });

  it("leaves provider/* to whoever knows what the provider lists", () => {
    expect(compileAliases({ all: ["groq/*"] }, providers).match("all")).toEqual(["groq/*"]);
  });

  it("replaces targets that name another alias, each target once", () => {
    const table = compileAliases(
      { smart: ["best", "openai/a"], best: ["gemini-cli/p", "openai/a"], "x-*": ["best", "groq/*"] },
      providers,
    );
    expect(table.match("smart")).toEqual(["gemini-cli/p", "openai/a"]);
    expect(table.match("x-1")).toEqual(["gemini-cli/p", "openai/a", "groq/1"]);
  });

  it("A17 ends where aliases lead back to themselves", () => {
    const table = compileAliases({ a: ["b", "openai/x"], b: ["a", "groq/y"], c: ["c"] }, providers);
    expect(table.match("a")).toEqual(["groq/y", "openai/x"]);
    expect(table.match("c")).toEqual([]);
  });

  it("takes an alias named like a model of a provider, whose own model it may hold", () => {
    const table = compileAliases({ "groq/x": ["groq/x", "openai/y"] }, providers);
    expect(table.match("groq/x")).toEqual(["groq/x", "openai/y"]);
  });

  it("knows no alias by the name of a property every object has", () => {
    expect(compileAliases({ a: ["groq/x"] }, providers).match("constructor")).toBeUndefined();
  });
});

describe("formatProblem", () => {
  const problem: ConfigProblem = {
    code: "config_invalid",
    path: ["plugins", 4, "tiers", 0, 0],
    what: 'Unknown provider "gemni_cli" in tiers',
    why: "No plugin registers that name.",
    fix: 'Write "gemini_cli".',
    position: { line: 2, column: 13, length: 11 },
  };

  it("prints what, code, place, excerpt, why and fix", () => {
    const source = `[\n    tiers([["gemni_cli"], ["groq"]]),\n]`;
    const file = "/home/mia/proxy.config.ts";
    expect(formatProblem(problem, { file, source, cwd: "/home/mia" })).toBe(
      [
        '✘ Unknown provider "gemni_cli" in tiers                config_invalid',
        "  at   proxy.config.ts:2:13   plugins[4] › tiers[0][0]",
        '          2 │ tiers([["gemni_cli"], ["groq"]]),',
        "            │         ~~~~~~~~~~~",
        "  why  No plugin registers that name.",
        '  fix  Write "gemini_cli".',
      ].join("\n"),
    );
  });

  it("prints without a source, a place or a column", () => {
    expect(
      formatProblem({ ...problem, position: { line: 3 } }, { file: "a.ts", source: "\n\n  x,\n", mark: "!" }),
    ).toBe(
      [
        '! Unknown provider "gemni_cli" in tiers                config_invalid',
        "  at   a.ts:3   plugins[4] › tiers[0][0]",
        "          3 │ x,",
        "  why  No plugin registers that name.",
        '  fix  Write "gemini_cli".',
      ].join("\n"),
    );
    const bare = formatProblem({ ...problem, path: [], position: undefined });
    expect(bare.split("\n")).toHaveLength(3);
  });

  it("keeps the underline below the fault on a long line, and wraps long reasons", () => {
    const source = `${"x".repeat(150)} "fault" ${"y".repeat(100)}`;
    const position = { line: 1, column: 152, length: 7 };
    const text = formatProblem({ ...problem, position, why: "word ".repeat(30).trim() }, { source });
    const [, , shown = "", underline = "", ...rest] = text.split("\n");
    expect(shown.indexOf('"fault"')).toBe(underline.indexOf("~"));
    expect(underline.endsWith("~".repeat(7))).toBe(true);
    expect(Math.max(...[shown, ...rest].map((line) => line.length))).toBeLessThanOrEqual(74);
  });

  it("H6 covers keys in the excerpt and does not hand the source to who prints the error", () => {
    const source = `openai({ keys: ["sk-proj-0123456789abcdef"], modles: [] }),`;
    const position = { line: 1, column: 46, length: 6 };
    const secret = "0123456789abcdef";
    expect(formatProblem({ ...problem, position }, { source })).not.toContain(secret);
    const error = new ConfigError([problem], { file: "a.ts", source });
    expect(JSON.stringify(error) + Object.keys(error).join()).not.toContain("source");
    expect(error.source).toBe(source);
    expect(error.message).not.toContain(secret);
  });

  it("writes paths as one would in code", () => {
    expect(formatPath(["models", "fast/*", 1])).toBe('models["fast/*"][1]');
    expect(formatPath(["server", "cors", "origins"])).toBe("server.cors.origins");
    expect(formatPath(["plugins", 2, 0, "hooks", "fliter"])).toBe("plugins[2][0] › hooks.fliter");
    expect(formatPath(["plugins", "openaiCompatible", "keys", 0])).toBe("plugins › openaiCompatible.keys[0]");
    expect(formatPath([])).toBe("");
  });
});
