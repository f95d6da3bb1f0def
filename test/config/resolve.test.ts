import { describe, expect, it } from "vitest";
import { ConfigError, type ConfigProblem } from "../../src/config/problem.ts";
import { type Resolution, resolveConfig } from "../../src/config/resolve.ts";
import type { Config } from "../../src/config/types.ts";
import type { Plugin } from "../../src/plugin/app.ts";
import { definePlugin, defineProvider } from "../../src/plugin/define.ts";
import type { Provider, Timeouts } from "../../src/plugin/provider.ts";

function provider(name: string, changes: Partial<Provider> = {}): Plugin {
  const base = defineProvider({ name, protocol: "openai-chat", models: ["m"], prepare: (wire) => wire });
  return definePlugin({ name, providers: [{ ...base, ...changes }] });
}

/** What JavaScript users may write. */
function resolveAny(config: unknown): Resolution {
  return resolveConfig(config as Config);
}

function problemsOf(config: unknown): readonly ConfigProblem[] {
  try {
    resolveAny(config);
  } catch (error) {
    if (ConfigError.is(error)) return error.problems;
    throw error;
  }
  return [];
}

const plugins = [provider("lab"), provider("gemini_cli")];

describe("defaults", () => {
  it("are those of the contract", () => {
    expect(resolveConfig({ plugins: [] }).config).toEqual({
      plugins: [],
      models: {},
      server: { host: "127.0.0.1", port: 8000, maxBody: 67_108_864, drain: 10_000, keepAlive: 15_000 },
      retry: { attempts: 6, sameCredential: 1, shortWait: 3000, deadline: 300_000, queueWait: 30_000, queueSize: 1000 },
      timeouts: { connect: 10_000, headers: 120_000, whole: 600_000, firstToken: 180_000, idle: 180_000, total: 0 },
      errors: [],
      base: "",
      strict: false,
      dataDir: ".waygate",
      log: { level: "info", requests: true },
    });
  });

  it("give way to what is set, key by key, also to 0 and false, and undefined is not set", () => {
    const { config, warnings } = resolveConfig({
      plugins: [plugins[0], false, [plugins[1], null]],
      models: { a: "lab/m", b: ["lab/m", "a"] },
      server: { port: 0, host: undefined, cors: false, allowedHosts: ["a", "b"], trustProxy: 1 },
      retry: { shortWait: 0 },
      timeouts: { headers: 0 },
      base: "/llm/",
      log: { requests: false },
    });
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      plugins: [{ name: "lab" }, { name: "gemini_cli" }],
      models: { a: ["lab/m"], b: ["lab/m", "a"] },
      server: { port: 0, host: "127.0.0.1", cors: false, allowedHosts: ["a", "b"], trustProxy: 1 },
      retry: { shortWait: 0, attempts: 6 },
      timeouts: { headers: 0, connect: 10_000 },
      base: "/llm",
      log: { requests: false, level: "info" },
    });
  });

  it("are not changed by a config, and a resolved config resolves to itself", () => {
    const first = resolveConfig({ plugins, server: { port: 1 }, retry: { attempts: 2 } }).config;
    expect(resolveConfig({ plugins: [] }).config.server.port).toBe(8000);
    expect(resolveConfig(first).config).toEqual(first);
  });
});

describe("values", () => {
  it("H4 reports every problem at once", () => {
    const problems = problemsOf({ plugins: [{}], models: { a: "x/y" }, server: { port: -1 }, nonsense: 1 });
    expect(problems.map((problem) => problem.path)).toEqual([
      ["plugins", 0],
      ["models", "a"],
      ["server", "port"],
      ["nonsense"],
    ]);
    for (const problem of problems) expect([problem.what, problem.why, problem.fix]).not.toContain("");
  });

  it.each([
    [{ modles: {} }, ["modles"], "Write models."],
    [{ server: { prot: 1 } }, ["server", "prot"], "Write port."],
    [{ server: { tls: { cert: "c", key: "k", passphrse: "x" } } }, ["server", "tls", "passphrse"], "Write passphrase."],
    [{ timeouts: { firsttoken: 1 } }, ["timeouts", "firsttoken"], "Write firstToken."],
    [{ log: { zzz: 1 } }, ["log", "zzz"], "Remove it."],
  ])("names an unknown key and the nearest known one: %j", (part, path, fix) => {
    expect(problemsOf({ plugins, ...part })).toMatchObject([
      { code: "config_invalid", path, fix, needle: path.at(-1) },
    ]);
  });

  it.each([
    [
      { server: { port: "8000" } },
      /the text "8000", but must be a whole number from 0 to 65535/,
      /Write 8000 without quotes/,
    ],
    [{ server: { port: Number.NaN } }, /NaN, which Number\(\) makes/, /default, 8000/],
    [{ server: { port: 65_536 } }, /It is 65536/, /./],
    [{ server: { port: 1.5 } }, /It is 1\.5/, /./],
    [{ server: { host: "" } }, /an empty text/, /127\.0\.0\.1/],
    [{ server: { maxBody: 0 } }, /It is 0/, /67108864/],
    [{ server: { cors: true } }, /It is true, but must be false or/, /./],
    [{ server: { cors: { origins: "https://a" } } }, /a list of origins/, /./],
    [{ server: { trustProxy: -1 } }, /It is -1/, /./],
    [{ server: { allowedHosts: "a" } }, /a list of texts/, /./],
    [{ server: null }, /It is null, but must be an object/, /./],
    [{ server: [] }, /It is a list/, /./],
    [{ retry: { attempts: 0 } }, /It is 0/, /default, 6/],
    [{ retry: { deadline: Infinity } }, /It is Infinity/, /./],
    [{ timeouts: { idle: -5 } }, /It is -5/, /./],
    [{ timeouts: { idle: 2 ** 31 } }, /2147483647, 0 for off/, /./],
    [{ base: "llm" }, /a path like \/llm/, /./],
    [{ strict: "yes" }, /true or false/, /default, false/],
    [{ dataDir: 1 }, /It is 1/, /\.waygate/],
    [{ database: true }, /It is true, but must be false or \{ path \}/, /./],
    [{ database: {} }, /a text that is not empty/, /Add path to database/],
    [{ database: { path: "" } }, /an empty text/, /./],
    [{ database: { url: "x", path: "y" } }, /Known there: path/, /Remove it/],
    [{ server: { drain: -1 } }, /It is -1/, /default, 10000/],
    [{ log: { level: "debgu" } }, /the text "debgu"/, /Write "debug"\./],
    [{ log: { level: 3 } }, /one of "silent"/, /default, "info"/],
  ])("refuses %j", (part, why, fix) => {
    const problems = problemsOf({ plugins, ...part });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.why).toMatch(why);
    expect(problems[0]?.fix).toMatch(fix);
  });

  it("wants both files of TLS and origins for CORS", () => {
    expect(problemsOf({ plugins, server: { tls: { cert: "a" }, cors: {} } })).toMatchObject([
      { what: 'server.tls has no "key"' },
      { what: 'server.cors has no "origins"' },
    ]);
  });

  it("H6 does not show a value that may be a secret", () => {
    const text = JSON.stringify(
      problemsOf({ plugins, server: { tls: { cert: "c", key: 12_345, passphrase: ["hunter2"] } } }),
    );
    expect(text).not.toMatch(/12345|hunter2/);
    expect(text).toContain("It is a number");
  });

  it.each([
    [null, "null"],
    ["text", "text"],
    [[], "list"],
    [() => ({}), "function"],
    [Promise.resolve({}), "promise"],
  ])("refuses a config that is no object: %s", (config, word) => {
    const [problem] = problemsOf(config);
    expect(problem).toMatchObject({ path: [], what: "The config is not an object" });
    expect(problem?.why).toContain(word);
  });

  it("takes nothing from __proto__ and does not pollute", () => {
    const hostile: unknown = JSON.parse(
      `{"plugins":[],"__proto__":{"strict":true},"server":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}},"models":{"__proto__":["x/y"]}}`,
    );
    expect(problemsOf(hostile).map((problem) => problem.path)).toEqual([
      ["models", "__proto__", 0],
      ["__proto__"],
      ["server", "__proto__"],
      ["server", "constructor"],
    ]);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
    const { config } = resolveAny(JSON.parse(`{"plugins":[],"server":{"port":1}}`));
    expect(Object.getPrototypeOf(config.server)).toBe(Object.prototype);
    const own = resolveAny({ plugins, models: JSON.parse(`{"__proto__":["lab/m"]}`) as unknown }).config.models;
    expect(Object.keys(own)).toEqual(["__proto__"]);
  });
});

describe("warnings", () => {
  it.each<[number, Partial<Timeouts>, number]>([
    [130_000, {}, 1],
    [130_001, {}, 0],
    [5000, { connect: 1000, headers: 2000 }, 0],
    [5000, { connect: 1000, headers: 4000 }, 1],
    [1, { headers: 0 }, 0],
  ])("with a deadline of %d and %j there are %3$d", (deadline, timeouts, count) => {
    const { warnings } = resolveConfig({ plugins: [], retry: { deadline }, timeouts });
    expect(warnings).toHaveLength(count);
    for (const warning of warnings) expect(warning.fix).toMatch(/^Set retry\.deadline above \d+/);
  });

  it("name the provider whose own limits leave no time, and none when there is one attempt only", () => {
    const slow = provider("slow", { timeouts: { headers: 400_000 } });
    expect(resolveConfig({ plugins: [slow] }).warnings).toMatchObject([
      { why: expect.stringContaining('"slow"') as string },
    ]);
    expect(resolveConfig({ plugins: [slow], retry: { attempts: 1 } }).warnings).toEqual([]);
  });
});

describe("aliases", () => {
  it("accept targets, lists, patterns, provider/*, other aliases and - for _", () => {
    const models = {
      a: "lab/m",
      b: ["gemini-cli/anything/new", "a"],
      "fast/*": ["lab/*", "gemini_cli/x-*"],
      all: ["lab/*"],
      "gpt-*": "lab/m",
      "lab/m": ["lab/m", "gemini_cli/m"],
      "*": "lab/*",
    };
    expect(problemsOf({ plugins, models })).toEqual([]);
  });

  it.each<[string, { readonly [alias: string]: unknown }, Partial<ConfigProblem>]>([
    [
      "an unknown provider",
      { a: ["lab/m", "labb/m"] },
      { path: ["models", "a", 1], fix: 'Write "lab/m".', needle: "labb/m" },
    ],
    [
      "an unknown provider without a near one",
      { a: "mistral/m" },
      { path: ["models", "a"], fix: "Add the provider's plugin to plugins, or remove the target." },
    ],
    ["a target without a provider", { smart: "lab/m", a: "smrat" }, { fix: 'Write "smart".' }],
    ["a provider without a slash", { a: "lab" }, { fix: 'Write "lab/…".' }],
    ["a provider without a model", { a: "lab/" }, { fix: 'Write "lab/*" for all its models.' }],
    [
      "an alias that is a provider's id",
      { "gemini-cli": "lab/m" },
      { what: 'The alias "gemini-cli" is the id of a provider' },
    ],
    ["two * in an alias", { "a*b*": "lab/*" }, { what: 'The alias "a*b*" has more than one *' }],
    ["two * in a target", { "a*": "lab/*x*" }, { what: 'The target "lab/*x*" has more than one *' }],
    ["a * only in the target", { a: "lab/x-*" }, { what: 'The target "lab/x-*" has a * and its alias has none' }],
    ["a target that is a pattern's name", { "x-*": "lab/*", a: "x-1" }, { what: 'The target "x-1" names no provider' }],
    ["an empty list", { a: [] }, { what: "models.a has no targets" }],
    ["an empty name", { " ": "lab/m" }, { what: "An alias has an empty name" }],
    ["something else than text", { a: [1] }, { path: ["models", "a", 0] }],
    ["an object", { a: { to: "lab/m" } }, { path: ["models", "a"], why: "It is an object." }],
    ["A17 an alias of itself", { a: "a" }, { why: "a → a." }],
    ["A17 a loop", { a: ["lab/m", "b"], b: "c", c: ["a"], d: "a" }, { why: "a → b → c → a.", path: ["models", "c"] }],
  ])("H4 refuse %s", (_title, models, problem) => {
    const problems = problemsOf({ plugins, models });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject(problem);
  });

  it("A17 a loop in the config is refused at start", () => {
    expect(() => resolveConfig({ plugins, models: { a: "b", b: "a" } })).toThrow("Aliases lead back to themselves");
  });

  it("H4 refuse a list in place of the object", () => {
    expect(problemsOf({ plugins, models: [] })).toMatchObject([{ path: ["models"] }]);
  });
});
