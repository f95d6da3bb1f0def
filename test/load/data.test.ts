import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, formatProblem } from "../../src/config/problem.ts";
import { locateData } from "../../src/load/data/locate.ts";
import { type Folder, type Host, type HostLoaded, makeFolder, startHost } from "./host.ts";

let host: Host;
beforeAll(() => {
  host = startHost();
});
afterAll(() => host.close());

/** A plugin that leaves its options where the host looks. */
const probe = `export const probe = (...options) => { globalThis.waygateTest = options; return { name: "probe" }; };`;

async function load(folder: Folder, variables: { [name: string]: string } = {}): Promise<HostLoaded> {
  const { loaded, error, crash } = await host.ask({ options: { cwd: folder.path }, variables });
  if (error) throw new ConfigError(error.problems, { file: error.file, source: error.source });
  if (!loaded) throw new Error(crash ?? "nothing was loaded");
  return loaded;
}

async function failure(folder: Folder): Promise<ConfigError> {
  const error: unknown = await load(folder).catch((caught: unknown) => caught);
  if (!ConfigError.is(error)) throw new Error(`expected a ConfigError, got ${String(error)}`);
  return error;
}

/** The text of the first problem as the command line shows it. */
function shown(error: ConfigError, folder: Folder): string {
  return formatProblem(error.problems[0]!, { file: error.file, source: error.source, cwd: folder.path });
}

const yamlText = `
# comments are for people
$schema: ./node_modules/waygate/schema.json
plugins:
  - waygate/plugins/echo
  - ["waygate/plugins/openai", { keys: ["sk-1"], models: [gpt-5] }]
  - - waygate/plugins/tiers
    - [[openai], [echo]]
    - pin: true
  - null
models:
  smart: [openai/gpt-5, echo/echo]
server:
  port: 0
`;

describe("a config in YAML or JSON", () => {
  it.each(["proxy.config.yaml", "proxy.config.yml"])("is found as %s and loaded like code", async (name) => {
    await using folder = await makeFolder({ [name]: yamlText });
    const loaded = await load(folder);
    expect(loaded.file).toBe(folder.at(name));
    expect(loaded.plugins).toEqual(["echo", "openai", "tiers"]);
    expect(loaded.models).toEqual({ smart: ["openai/gpt-5", "echo/echo"] });
    expect(loaded.files).toEqual([folder.at(name)]);
  });

  it("is found as proxy.config.json, with tabs and escapes", async () => {
    const text = '{\n\t"$schema": "x",\n\t"plugins": [["./probe.mjs", {"a": "\\u00e9\\/", "b": 1.5}]]\n}';
    await using folder = await makeFolder({ "proxy.config.json": text, "probe.mjs": probe });
    const loaded = await load(folder);
    expect(loaded.plugins).toEqual(["probe"]);
    expect(loaded.extra).toEqual([{ a: "é/", b: 1.5 }]);
  });

  it("loses against a config in code in the same folder", async () => {
    await using folder = await makeFolder({
      "proxy.config.yaml": yamlText,
      "proxy.config.mjs": `export default { plugins: [{ name: "code" }] };`,
    });
    expect((await load(folder)).plugins).toEqual(["code"]);
  });

  it("takes plugins from packages beside it and from files, TypeScript too, and watches the files", async () => {
    await using folder = await makeFolder({
      "proxy.config.yaml": `plugins: [waygate-plugin-night-shift, ["./parts/day-shift.ts", { a: 1 }], ./one]`,
      "node_modules/waygate-plugin-night-shift/package.json": `{"name":"waygate-plugin-night-shift","type":"module","exports":{"import":"./main.js"}}`,
      "node_modules/waygate-plugin-night-shift/main.js": `export const other = () => 1; export const nightShift = () => ({ name: "night" });`,
      "parts/day-shift.ts": `import { name } from "./name.ts"; enum E { A = "-ts" } export const anything = (o: { a: number }) => ({ name: name + o.a + E.A });`,
      "parts/name.ts": `export const name: string = "day";`,
      "one/index.js": `export const one = () => ({ name: "one" });`,
      "one/package.json": `{}`,
    }).then(async (made) => {
      await made.write(
        "proxy.config.yaml",
        `plugins: [waygate-plugin-night-shift, ["./parts/day-shift.ts", { a: 1 }], ./one/index.js]`,
      );
      return made;
    });
    const loaded = await load(folder);
    expect(loaded.plugins).toEqual(["night", "day1-ts", "one"]);
    expect(loaded.files).toEqual(
      ["proxy.config.yaml", "parts/day-shift.ts", "parts/name.ts", "one/index.js"].map(folder.at),
    );
  });

  it("does not change how a config in code imports JSON", async () => {
    await using folder = await makeFolder({
      "proxy.config.mjs": `import data from "./data.json" with { type: "json" };\nexport default { plugins: [{ name: data.name }] };`,
      "data.json": `{ "name": "from-json" }`,
    });
    expect((await load(folder)).plugins).toEqual(["from-json"]);
  });

  it("H4 is read anew by each load, its plugins too, and after a broken edit the next good one counts", async () => {
    await using folder = await makeFolder({
      "proxy.config.yaml": `plugins: [./a.mjs]`,
      "a.mjs": `export const a = () => ({ name: "first" });`,
    });
    expect((await load(folder)).plugins).toEqual(["first"]);
    await folder.write("a.mjs", `export const a = () => ({ name: "second" });`);
    expect((await load(folder)).plugins).toEqual(["second"]);
    await folder.write("proxy.config.yaml", `plugins: [./a.mjs`);
    expect((await failure(folder)).problems).toMatchObject([{ code: "config_syntax" }]);
    await folder.write("proxy.config.yaml", `plugins: [./a.mjs, waygate/plugins/echo]`);
    expect((await load(folder)).plugins).toEqual(["second", "echo"]);
  });
});

describe("the docs", () => {
  it.each(["README.md", "docs/configuration.md"])("show YAML in %s that loads as it stands", async (page) => {
    const text = readFileSync(new URL(`../../${page}`, import.meta.url), "utf8");
    const [, example = ""] = /^```yaml\n([\s\S]*?)^```$/m.exec(text) ?? [];
    await using folder = await makeFolder({ "proxy.config.yaml": example });
    const { plugins } = await load(folder, { TEAM_KEY: "a", WORK_KEY: "b" });
    expect(plugins).toEqual(expect.arrayContaining(["proxy-key", "groq", "rotate", "cooldown", "concurrency"]));
  });
});

describe("variables", () => {
  it("are put into texts, from the .env beside the config too, and have defaults", async () => {
    await using folder = await makeFolder({
      ".env": "DATA_FILE=from-env-file\nDATA_EMPTY=\n",
      "probe.mjs": probe,
      "proxy.config.yaml": `plugins:
  - - ./probe.mjs
    - one: \${DATA_REAL}
      two: "a-\${DATA_FILE}-\${DATA_NONE:-b:-c}"
      three: "$\${DATA_REAL} $$ $x"
      four: ["\${DATA_EMPTY}", "\${DATA_EMPTY:-full}", "\${DATA_NONE:-}"]
`,
    });
    const { extra } = await load(folder, { DATA_REAL: "0123" });
    expect(extra).toEqual([
      { one: "0123", two: "a-from-env-file-b:-c", three: "${DATA_REAL} $$ $x", four: ["", "full", ""] },
    ]);
  });

  it("become the number or the flag that a key or an option wants, and stay text elsewhere", async () => {
    await using folder = await makeFolder({
      "proxy.config.json": JSON.stringify({
        plugins: [["waygate/plugins/openai", { keys: "${DATA_N}", concurrency: "${DATA_N}", keyless: "${DATA_T}" }]],
        server: { port: "${DATA_N}" },
        strict: "${DATA_T}",
      }),
    });
    expect((await load(folder, { DATA_N: "8080", DATA_T: "true" })).plugins).toEqual(["openai"]);
  });

  it("H4 that are not set are named with their place, all at once", async () => {
    await using folder = await makeFolder({
      "proxy.config.yaml": `plugins:\n  - [waygate/plugins/openai, { keys: ["\${DATA_MISSING}"], baseURL: "\${DATA-BAD}" }]\nserver:\n  host: \${DATA_HOTS}\n`,
    });
    const error = await failure(folder);
    expect(error.problems).toMatchObject([
      { what: "The variable DATA_MISSING is not set", path: ["plugins", 0, "keys", 0], position: { line: 2 } },
      { what: "A variable cannot be read", position: { line: 2, column: 68 } },
      { what: "The variable DATA_HOTS is not set", path: ["server", "host"], position: { line: 4, column: 9 } },
    ]);
    expect(error.message).toContain("${DATA_MISSING:-default}");
  });
});

describe("a mistake", () => {
  it("H4 in the syntax is shown where it is", async () => {
    await using folder = await makeFolder({ "proxy.config.json": `{\n  "plugins": [],\n  "models": {\n` });
    const error = await failure(folder);
    expect(error.problems).toMatchObject([{ code: "config_syntax", position: { line: 3 } }]);
    await using twice = await makeFolder({ "proxy.config.yaml": "plugins: []\nplugins: []\n" });
    expect((await failure(twice)).problems).toMatchObject([
      { code: "config_syntax", position: { line: 2, column: 1 } },
    ]);
    await using alias = await makeFolder({ "proxy.config.yaml": "plugins: *nobody\n" });
    expect((await failure(alias)).problems).toMatchObject([
      { code: "config_syntax", position: { line: 1, column: 10 } },
    ]);
  });

  it.each([
    ["", "The file is empty."],
    ["# nothing but a comment", "The file is empty."],
    ["- a", "It is a list."],
  ])("H4 in the whole, as in %j, is told", async (text, why) => {
    await using folder = await makeFolder({ "proxy.config.yaml": text });
    expect((await failure(folder)).problems).toMatchObject([{ code: "config_invalid", why }]);
  });

  it("H4 in keys, values and aliases is told in the words for every config, with line and column", async () => {
    await using folder = await makeFolder({
      "proxy.config.yaml": `plugins: [waygate/plugins/echo]\nmodels:\n  smart: [ecko/echo]\nserver:\n  prot: 1\nretry:\n  attempts: 0\n`,
    });
    expect((await failure(folder)).problems).toMatchObject([
      { path: ["models", "smart", 0], position: { line: 3, column: 11, length: 9 } },
      { what: 'Unknown key "prot" in server', fix: "Write port.", position: { line: 5, column: 3, length: 4 } },
      { what: "Wrong value for retry.attempts", position: { line: 7, column: 13 } },
    ]);
  });

  it("H4 in the options of a shipped plugin is told with its place", async () => {
    await using folder = await makeFolder({
      "proxy.config.json": `{ "plugins": [
  ["waygate/plugins/openai", { "kyes": ["a"], "tier": "one" }],
  ["waygate/plugins/openai-compatible", { "keys": [12345] }],
  ["waygate/plugins/rotate", { "mode": "balansed" }],
  ["waygate/plugins/echo", { "x": 1 }]
] }`,
    });
    expect((await failure(folder)).problems).toMatchObject([
      { what: 'Unknown key "kyes" in plugins[0]', fix: "Write keys.", position: { line: 2, column: 32, length: 6 } },
      { what: "Wrong value for plugins[0] › tier", position: { line: 2, column: 55 } },
      {
        what: "Wrong value for plugins[1] › keys[0]",
        why: expect.not.stringContaining("12345"),
        fix: "Write it in quotes.",
      },
      { what: 'plugins[1] has no "name"', position: { line: 3, column: 4 } },
      { what: "Wrong value for plugins[2] › mode", fix: 'Write "balanced".', position: { line: 4, column: 40 } },
      { what: "echo has too many options", position: { line: 5, column: 4 } },
    ]);
  });

  it("H4 that a plugin finds in its options, or while it is made, has the place of its entry", async () => {
    await using folder = await makeFolder({
      "bad.mjs": `export const bad = ({ why }) => { throw new TypeError(why); };`,
      "proxy.config.yaml": `plugins:\n  - [waygate/plugins/openai-compatible, { name: "a b", baseURL: "http://x" }]\n  - [./bad.mjs, { why: no reason }]\n`,
    });
    expect((await failure(folder)).problems).toMatchObject([
      { what: `"a b" cannot be a provider's name`, position: { line: 2, column: 49 } },
      { code: "config_failed", why: "TypeError: no reason", position: { line: 3, column: 6 } },
    ]);
  });

  it("H4 in the name of a module says what to write", async () => {
    await using folder = await makeFolder({
      "guard.mjs": `export const a = () => 1; export const b = () => 2;`,
      "empty.mjs": `export const name = "x";`,
      "broken.mjs": `import "./nowhere.mjs";`,
      "proxy.config.yaml": `plugins: [waygate/plugins/opnai, waygate-plugin-none, ./gard.mjs, ./guard.mjs, ./empty.mjs, node:fs, 5, ./broken.mjs]`,
    });
    const error = await failure(folder);
    expect(error.problems).toMatchObject([
      { code: "config_import", fix: 'Write "waygate/plugins/openai".', position: { line: 1, column: 11 } },
      { code: "config_import", fix: "npm install waygate-plugin-none", position: { column: 34 } },
      { code: "config_import", fix: 'Write "./guard.mjs".' },
      { what: 'Which function of "./guard.mjs" is the plugin cannot be told', why: expect.stringContaining("a, b") },
      { why: "It exports no function." },
      { what: '"node:fs" is not the name of a module' },
      { what: "An entry of plugins names no plugin", why: "It is 5." },
      { code: "config_import", file: folder.at("broken.mjs"), position: { line: 1 } },
    ]);
    expect(error.message).not.toContain("waygate-load");
  });

  it("H4 beside a key leaves the key covered, in quotes or not", async () => {
    const key = "sk-live-0123456789abcdef";
    await using folder = await makeFolder({
      "proxy.config.yaml": `plugins:\n  - [waygate/plugins/openai, { keys: [${key}], teir: 1 }]\n`,
    });
    expect(shown(await failure(folder), folder)).not.toContain("0123456789");
    await using json = await makeFolder({
      "proxy.config.json": `{"plugins":[["waygate/plugins/openai",{"keys":"${key}","teir":1}],["\${NOT_SET_12345678}"]]}`,
    });
    const text = shown(await failure(json), json);
    expect(text).not.toContain("0123456789");
    expect(text).toContain("${NOT_SET_12345678}");
    await folder.write("proxy.config.yaml", `plugins:\n  - [waygate/plugins/openai, { keys: { value: "${key}" } }]\n`);
    expect(shown(await failure(folder), folder)).not.toContain("0123456789");
  });
});

describe("a place in the text", () => {
  const text = `plugins:\n  - waygate/plugins/echo\n  - [waygate/plugins/tiers, [[a], [b]], { pin: 1 }]\n  - waygate/plugins/resilience\n`;

  it.each([
    [["plugins", "tiers", 1, 0], "b", { line: 3, column: 36, length: 1 }],
    [["plugins", 1, "pin"], undefined, { line: 3, column: 48, length: 1 }],
    [["plugins", 2, 0, "hooks"], undefined, { line: 4, column: 5, length: 26 }],
    [["plugins", "rotate", "mode"], "x", { line: 1, column: 1, length: 7 }],
    [["server", "port"], undefined, undefined],
    [[], undefined, undefined],
  ])("of %j is found as far as the text goes", (path, needle, position) => {
    expect(locateData(text, { path, needle })).toEqual(position);
  });
});
