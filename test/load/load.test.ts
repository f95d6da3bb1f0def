import { symlink } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError, formatProblem } from "../../src/config/problem.ts";
import { type Folder, type Host, makeFolder, startHost } from "./host.ts";

let host: Host;
beforeAll(() => {
  host = startHost();
});
afterAll(() => host.close());

/** A provider in plain JavaScript, so that these tests need no plugin. */
const lab = `const lab = { name: "lab", providers: [{ name: "lab", protocol: "openai-chat", models: ["m"], prepare: (wire) => wire }] };`;

async function failure(folder: Folder, file?: string): Promise<ConfigError> {
  const error: unknown = await host
    .load({ cwd: folder.path, ...(file ? { file } : {}) })
    .catch((caught: unknown) => caught);
  if (!ConfigError.is(error)) throw new Error(`expected a ConfigError, got ${String(error)}`);
  return error;
}

describe("loading", () => {
  it("loads a TypeScript config with imports, in a folder without a package.json", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `import { name } from "./parts/name.ts";\nimport { more } from "./parts/more";\nenum Kind { Lab = "lab" }\nexport default { plugins: [{ name: name as string }, ...more, { name: Kind.Lab }] };`,
      "parts/name.ts": `export const name: string = "first";`,
      "parts/more.ts": `export const more = [{ name: "second" }];`,
    });
    const loaded = await host.load({ cwd: folder.path });
    expect(loaded?.plugins).toEqual(["first", "second", "lab"]);
    expect(loaded?.files).toEqual(["proxy.config.ts", "parts/name.ts", "parts/more.ts"].map(folder.at));
  });

  it.each([
    ["proxy.config.mts", `const name: string = "x"; export default { plugins: [{ name }] };`],
    ["proxy.config.mjs", `export default { plugins: [{ name: "x" }] };`],
    ["proxy.config.js", `export default { plugins: [{ name: "x" }] };`],
  ])("loads %s", async (name, text) => {
    await using folder = await makeFolder({ [name]: text });
    expect((await host.load({ cwd: folder.path }))?.plugins).toEqual(["x"]);
    expect(host.stderr()).toBe("");
  });

  it("loads a config as a module although its package.json says commonjs", async () => {
    const text = `import { name } from "./name.ts"; export default { plugins: [{ name }] };`;
    await using folder = await makeFolder({
      "package.json": `{"type":"commonjs"}`,
      "proxy.config.ts": text,
      "name.ts": `export const name = "x";`,
    });
    expect((await host.load({ cwd: folder.path }))?.plugins).toEqual(["x"]);
  });

  it("finds the config of a parent, past a package.json, and prefers the nearer one", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `export default { plugins: [{ name: "outer" }] };`,
      "package.json": "{}",
      "inner/package.json": "{}",
      "inner/deep/keep": "",
      "other/proxy.config.mjs": `export default { plugins: [{ name: "near" }] };`,
    });
    expect((await host.load({ cwd: folder.at("inner/deep") }))?.plugins).toEqual(["outer"]);
    expect((await host.load({ cwd: folder.at("other") }))?.plugins).toEqual(["near"]);
  });

  it("gives nothing when no config is there", async () => {
    await using folder = await makeFolder();
    expect(await host.load({ cwd: folder.path })).toBeUndefined();
  });

  it("evaluates edited configs and their imports anew, and keeps packages", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `import { name } from "./name.ts";\nimport "pkg";\nexport default { plugins: [{ name: name + "-1" }] };`,
      "name.ts": `import { deep } from "./deep.ts"; export const name: string = deep;`,
      "deep.ts": `export const deep = "a";`,
      "node_modules/pkg/package.json": `{"name":"pkg","type":"module","exports":"./index.js"}`,
      "node_modules/pkg/index.js": `globalThis.waygateTest = (globalThis.waygateTest ?? 0) + 1;`,
    });
    expect((await host.load({ cwd: folder.path }))?.plugins).toEqual(["a-1"]);
    await folder.write("deep.ts", `export const deep = "b";`);
    expect((await host.load({ cwd: folder.path }))?.plugins).toEqual(["b-1"]);
    await folder.write(
      "proxy.config.ts",
      `import { name } from "./name.ts";\nimport "pkg";\nexport default { plugins: [{ name: name + "-2" }] };`,
    );
    expect(await host.load({ cwd: folder.path })).toMatchObject({ plugins: ["b-2"], extra: 1 });
  });

  it("loads a config through a link and with odd characters in its path", async () => {
    await using folder = await makeFolder({
      "a b#c?d%20/proxy.config.ts": `export default { plugins: [{ name: "odd" }] };`,
    });
    await symlink(folder.at("a b#c?d%20"), folder.at("link"));
    expect((await host.load({ cwd: folder.at("link") }))?.plugins).toEqual(["odd"]);
    expect((await host.load({ cwd: folder.at("a b#c?d%20") }))?.plugins).toEqual(["odd"]);
  });

  it("reports a warning with its place", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `export default {\n  plugins: [],\n  retry: { deadline: 5_000 },\n};`,
    });
    const [warning] = (await host.load({ cwd: folder.path }))?.warnings ?? [];
    expect(warning).toMatchObject({ path: ["retry", "deadline"], position: { line: 3, column: 22 } });
  });
});

describe("the .env beside the config", () => {
  it("is read before the config, and the real environment wins", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `export default { plugins: [{ name: process.env.WG_A + "-" + process.env.WG_B }] };`,
      ".env": "WG_A=file\nWG_B=file\n",
    });
    const reply = await host.ask({ options: { cwd: folder.path }, variables: { WG_B: "real" } });
    expect(reply.loaded?.plugins).toEqual(["file-real"]);
    expect(reply.loaded?.env).toEqual({ file: folder.at(".env"), names: ["WG_A", "WG_B"], count: 1 });
  });

  it("is taken back by a load that fails, and the last good one's holds", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `export default { plugins: [] };`,
      ".env": "WG_C=old\nWG_GONE=1\n",
    });
    const show = ["WG_C", "WG_GONE"];
    await host.ask({ options: { cwd: folder.path } });
    await folder.write(".env", "WG_C=new\n");
    await folder.write("proxy.config.ts", `export default {`);
    expect((await host.ask({ options: { cwd: folder.path }, show })).variables).toEqual({ WG_C: "old", WG_GONE: "1" });
    await folder.write("proxy.config.ts", `export default { plugins: [] };`);
    expect((await host.ask({ options: { cwd: folder.path }, show })).variables).toEqual({ WG_C: "new" });
  });
});

describe("H4 config errors stop the start with file, path and fix", () => {
  it("H4 names every problem at once, each with its place", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `${lab}\nexport default {\n  plugins: [lab],\n  models: { smart: ["lab/m", "labb/m"] },\n  server: { port: "8000" },\n};`,
    });
    const error = await failure(folder);
    expect(error.file).toBe(folder.at("proxy.config.ts"));
    expect(error.problems).toMatchObject([
      { path: ["models", "smart", 1], position: { line: 4, column: 30 }, fix: 'Write "lab/m".' },
      { path: ["server", "port"], position: { line: 5, column: 19 } },
    ]);
    expect(error.message).toContain(`${folder.at("proxy.config.ts")}:4:30   models.smart[1]`);
    expect(error.message).toContain("fix  Write 8000 without quotes");
  });

  it("H4 names the place of a syntax error, in the config and in what it imports", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `import "./part.ts";\nexport default { plugins: [] };`,
      "part.ts": `export const a = 1;\nexport const b = [1, ;\n`,
      "bad.mjs": `export default {\n  plugins: [1 2],\n};\n`,
    });
    expect((await failure(folder)).problems).toMatchObject([
      { code: "config_syntax", file: folder.at("part.ts"), position: { line: 2, column: 22 } },
    ]);
    const [problem] = (await failure(folder, "bad.mjs")).problems;
    expect(problem).toMatchObject({
      code: "config_syntax",
      what: "bad.mjs cannot be read",
      position: { line: 2, column: 15 },
    });
    expect(problem).not.toHaveProperty("file");
  });

  it("H4 names the line that threw, in the config and in what it imports", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `type A = string;\n\nexport default { plugins: [missing()] };\ndeclare function missing(): never;`,
      "second.ts": `import { f } from "./part.ts";\nexport default { plugins: [f()] };`,
      "part.ts": `interface X { a: string }\nexport function f(): X {\n  throw new TypeError("no such thing");\n}`,
      "third.ts": `throw "just text";`,
      "fourth.mjs": `const a = 1;\nexport default JSON.parse("{");`,
    });
    expect((await failure(folder)).problems).toMatchObject([
      { code: "config_failed", position: { line: 3 }, why: "ReferenceError: missing is not defined" },
    ]);
    const second = await failure(folder, "second.ts");
    expect(second.problems).toMatchObject([
      { file: folder.at("part.ts"), position: { line: 3 }, why: "TypeError: no such thing" },
    ]);
    expect((await failure(folder, "fourth.mjs")).problems).toMatchObject([
      { code: "config_failed", position: { line: 2, column: 21 } },
    ]);
    expect((await failure(folder, "third.ts")).problems).toMatchObject([{ why: 'It threw "just text".' }]);
  });

  it("H4 names a missing import with the nearest file, and a missing package with the command", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `import { a } from "./prats/names.ts";\nexport default { plugins: [a] };`,
      "second.ts": `import { a } from "./nmaes.ts";\nexport default { plugins: [a] };`,
      "names.ts": `export const a = 1;`,
      "third.ts": `import { a } from "@acme/waygate-plugin-none/sub";\nexport default { plugins: [a] };`,
      "fourth.ts": `import { b } from "./names.ts";\nexport default { plugins: [b] };`,
    });
    expect((await failure(folder)).problems).toMatchObject([
      {
        code: "config_import",
        what: 'The import "./prats/names.ts" cannot be found',
        position: { line: 1, column: 19 },
      },
    ]);
    expect((await failure(folder, "second.ts")).problems).toMatchObject([{ fix: 'Write "./names.ts".' }]);
    expect((await failure(folder, "third.ts")).problems).toMatchObject([
      { fix: "npm install @acme/waygate-plugin-none", position: { line: 1 } },
    ]);
    expect((await failure(folder, "fourth.ts")).problems).toMatchObject([
      { code: "config_import", what: '"./names.ts" has no export named "b"', position: { line: 1, column: 10 } },
    ]);
  });

  it("H4 says that a plugin of waygate by that name does not exist", async () => {
    await using folder = await makeFolder({
      "proxy.config.ts": `import { opnai } from "waygate/plugins/opnai";\nexport default { plugins: [opnai()] };`,
    });
    expect((await failure(folder)).problems).toMatchObject([
      {
        code: "config_import",
        what: 'The import "waygate/plugins/opnai" cannot be found',
        position: { line: 1, column: 23 },
      },
    ]);
  });

  it.each([
    ["", "The file is empty."],
    ["export const config = {};", "It has no default export, only config."],
    ["export default () => ({ plugins: [] });", "It is a function."],
    ["export default Promise.resolve({ plugins: [] });", "It is a promise."],
  ])("H4 refuses a file with %j", async (text, why) => {
    await using folder = await makeFolder({ "proxy.config.mjs": text });
    expect((await failure(folder)).problems).toMatchObject([{ code: "config_invalid", why }]);
  });

  it("H4 suggests the nearest file for a --config that is not there", async () => {
    await using folder = await makeFolder({ "gateway.config.ts": "export default { plugins: [] };" });
    const error = await failure(folder, "gatway.config.ts");
    expect(error.problems).toMatchObject([
      { code: "config_not_found", fix: `Write ${folder.at("gateway.config.ts")}` },
    ]);
    expect(error.message).toContain(folder.at("gatway.config.ts"));
  });

  it("H4 keeps places and keys out of what is printed as it should", async () => {
    await using folder = await makeFolder({
      "proxy.config.mjs": `export default { plugins: [], servre: { tls: "sk-live-0123456789abcdef" } };`,
    });
    const { problems, file, source } = await failure(folder);
    const [problem] = problems;
    if (problem === undefined) throw new Error("no problem");
    const text = formatProblem(problem, { file, source, cwd: folder.path });
    expect(text).toContain("at   proxy.config.mjs:1:31   servre");
    expect(text).not.toContain("0123456789abcdef");
  });
});
