import { describe, expect, it } from "vitest";
import { ConfigError, type ConfigProblem } from "../../src/config/problem.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { Config } from "../../src/config/types.ts";
import { definePlugin, defineProvider } from "../../src/plugin/define.ts";
import { flattenPlugins } from "../../src/plugin/flatten.ts";

function problemsOf(plugins: unknown, protocols?: readonly string[]): readonly ConfigProblem[] {
  try {
    resolveConfig({ plugins } as Config, protocols ? { protocols } : {});
  } catch (error) {
    if (ConfigError.is(error)) return error.problems;
    throw error;
  }
  return [];
}

function lab(name = "lab", changes: object = {}): object {
  const base = defineProvider({ name, protocol: "openai-chat", models: [], prepare: (wire) => wire });
  return { name, apiVersion: 1, providers: [{ ...base, ...changes }] };
}

describe("definePlugin", () => {
  it("says which major of waygate the plugin is for", () => {
    expect(definePlugin({ name: "a" })).toEqual({ name: "a", apiVersion: 1 });
  });
});

describe("flattenPlugins", () => {
  it("keeps the order, skips falsy entries and opens lists", () => {
    const [a, b, c] = ["a", "b", "c"].map((name) => definePlugin({ name }));
    expect(flattenPlugins([a, false, [null, [b, ""]], undefined, [c]])).toEqual([a, b, c]);
    expect(flattenPlugins([])).toEqual([]);
  });
});

describe("H4 a plugin that cannot work stops the start", () => {
  it.each<[string, unknown, Partial<ConfigProblem>]>([
    ["no list", undefined, { path: ["plugins"], why: "Only what is listed is active." }],
    ["an object in place of the list", {}, { path: ["plugins"] }],
    [
      "a function that was not called",
      [function proxyKey() {}],
      { fix: "Call it: write proxyKey().", needle: "proxyKey" },
    ],
    ["a promise", [Promise.resolve()], { fix: "Write await before it." }],
    ["a text", ["waygate/plugins/openai"], { path: ["plugins", 0] }],
    ["a nested number", [false, [[], 3]], { path: ["plugins", 1, 1], why: "It is 3." }],
    ["no name", [{ hooks: {} }], { what: "A plugin has no name" }],
    ["another major", [{ name: "a", apiVersion: 2 }], { why: "Its apiVersion is 2, this waygate speaks 1." }],
    ["a misspelt key", [{ name: "a", hoks: {} }], { path: ["plugins", 0, "hoks"], fix: "Write hooks." }],
    ["hooks that are no object", [{ name: "a", hooks: [] }], { path: ["plugins", 0, "hooks"] }],
    [
      "a misspelt hook",
      [{ name: "a", hooks: { fliter() {} } }],
      { path: ["plugins", 0, "hooks", "fliter"], fix: "Write filter.", needle: "fliter" },
    ],
    ["a hook in other letters", [{ name: "a", hooks: { selectkey() {} } }], { fix: "Write selectKey." }],
    ["an unknown hook", [{ name: "a", hooks: { onRequest() {} } }], { fix: "Remove it." }],
    ["a hook that is no function", [{ name: "a", hooks: { record: true } }], { why: "It is true." }],
    [
      "a hook without a handler",
      [{ name: "a", hooks: { record: { order: "pre" } } }],
      { why: "Its handler is not set." },
    ],
    [
      "a wrong order",
      [{ name: "a", hooks: { record: { order: "first", handler() {} } } }],
      { path: ["plugins", 0, "hooks", "record", "order"] },
    ],
    [
      "a wrong precedence",
      [{ name: "a", hooks: { selectKey: { precedence: "teir", handler() {} } } }],
      { fix: 'Write "tier".' },
    ],
    [
      "a precedence elsewhere",
      [{ name: "a", hooks: { filter: { precedence: "tier", handler() {} } } }],
      { fix: "Remove precedence." },
    ],
    ["a misspelt key of a hook", [{ name: "a", hooks: { filter: { wehn: 1, handler() {} } } }], { fix: "Write when." }],
    ["a setup that is no function", [{ name: "a", setup: {} }], { path: ["plugins", 0, "setup"] }],
    ["providers that are no list", [{ name: "a", providers: {} }], { path: ["plugins", 0, "providers"] }],
    ["a provider with a slash in its name", [lab("a/b")], { why: 'Its name is the text "a/b".' }],
    [
      "a provider without prepare",
      [lab("a", { prepare: undefined })],
      { path: ["plugins", 0, "providers", 0, "prepare"] },
    ],
    ["a provider with odd models", [lab("a", { models: [1] })], { path: ["plugins", 0, "providers", 0, "models"] }],
    ["an unknown protocol", [lab("a", { protocol: "openai_chta" })], { fix: 'Write "openai-chat".' }],
    ["a route without a method", [{ name: "a", routes: { "/x": () => 1 } }], { fix: 'Write it like "GET /path".' }],
    [
      "a plugin twice",
      [{ name: "a" }, [{ name: "a" }]],
      { path: ["plugins", 1, 0], what: 'The plugin "a" is there twice' },
    ],
    [
      "a route twice",
      [
        { name: "a", routes: { "GET /x": () => 1 } },
        { name: "b", routes: { "GET /x": () => 1 } },
      ],
      { why: 'The plugins "a" and "b" both bring it.' },
    ],
    [
      "a provider twice",
      [lab("a"), { ...lab("a"), name: "b" }],
      { what: 'The provider "a" is there twice', fix: "Give one of them another name." },
    ],
    [
      "a provider twice but for - and _",
      [lab("my_lab"), { ...lab("my-lab"), name: "b" }],
      { why: 'The plugins "my_lab" and "b" both bring it, as "my_lab": - and _ are the same in it.' },
    ],
  ])("H4 refuses %s", (_title, plugins, problem) => {
    const problems = problemsOf(plugins);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: "config_invalid", ...problem });
  });

  it("H4 names the plugin in every problem of one", () => {
    const problems = problemsOf([
      { name: "mine", hooks: { fliter() {}, record: 1 }, routes: { x: 1 }, providers: [{}] },
    ]);
    expect(problems).toHaveLength(4);
    for (const problem of problems) expect(problem.what).toContain('"mine"');
  });

  it("F11 refuses a provider whose protocol nobody brings, and takes one that a plugin or the core brings", () => {
    const provider = lab("a", { protocol: "morse" });
    expect(problemsOf([provider])).toMatchObject([{ path: ["plugins", 0, "providers", 0, "protocol"] }]);
    expect(problemsOf([provider, { name: "p", protocols: [{ id: "morse", routes: {} }] }])).toEqual([]);
    expect(problemsOf([provider], ["morse"])).toEqual([]);
    expect(problemsOf([lab("a", { protocol: () => "anything" })])).toEqual([]);
  });

  it("takes good plugins, with hooks as objects and things of their own", () => {
    const good = {
      name: "good",
      hooks: {
        selectKey: { order: "post", precedence: "tier", spread: true, when: () => true, handler: () => [] },
        filter() {},
        auth: undefined,
      },
      routes: { "GET /a": () => 1, "POST /a": () => 1 },
      options: { mine: true },
      setup() {},
    };
    expect(problemsOf([good, lab(), false, [lab("lab_two")]])).toEqual([]);
  });
});
