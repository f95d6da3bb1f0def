import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveSelf } from "../../src/load/self.ts";
import { hasModuleSyntax } from "../../src/load/typescript.ts";
import { root } from "./source.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waygate-self-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): string {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  return pathToFileURL(full).href;
}

/** Runs a script far from any installed package and reads the one JSON value it prints. */
async function evaluate(name: string, script: string): Promise<unknown> {
  write(name, script);
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, name)], { cwd: folder });
  return JSON.parse(stdout);
}

const inRepository = (path: string): string => pathToFileURL(join(root, path)).href;

describe("what our own name stands for", () => {
  test.each([
    ["waygate", "src/index.ts"],
    ["waygate/testing", "src/testing/index.ts"],
    ["waygate/protocols/openai-chat", "src/protocols/openai-chat/index.ts"],
    ["waygate/plugins/proxy-key", "plugins/proxy-key/index.ts"],
  ])("%s is %s of the running copy", (specifier, path) => {
    expect(resolveSelf(specifier)).toBe(inRepository(path));
  });

  test.each([
    "waygate-plugin-mine",
    "waygate/package.json",
    "waygate/src/index.ts",
    "waygate/plugins/../../secret",
    "./waygate",
    "@me/waygate",
  ])("%s is left to the usual rules", (specifier) => {
    expect(resolveSelf(specifier)).toBeUndefined();
  });
});

describe("a config beside which nothing is installed", () => {
  test("shares the modules of the running sources, whatever its package.json says or its ending is", async () => {
    const configs = [undefined, "module", "commonjs"].flatMap((type) => {
      const at = `config-${type ?? "none"}`;
      if (type !== undefined) write(`${at}/package.json`, JSON.stringify({ type }));
      write(`${at}/mine.ts`, `import { ProxyError } from "waygate";\nexport const Mine: unknown = ProxyError;\n`);
      return ["ts", "mts", "js", "mjs"].map((extension) => {
        const text = 'import { ProxyError } from "waygate";\nimport { Mine } from "./mine.ts";\n';
        return write(`${at}/proxy.config.${extension}`, `${text}export default { ProxyError, Mine };\n`);
      });
    });
    const same = await evaluate(
      "sources.mjs",
      `const { registerTypeScript } = await import(${JSON.stringify(inRepository("src/load/typescript.ts"))});
      await registerTypeScript();
      await registerTypeScript();
      const { ProxyError } = await import(${JSON.stringify(inRepository("src/index.ts"))});
      const different = [];
      for (const url of ${JSON.stringify(configs)}) {
        for (const query of ["", "?reload=1"]) {
          const { default: config } = await import(url + query);
          if (config.ProxyError !== ProxyError || config.Mine !== ProxyError) different.push(url + query);
        }
      }
      console.log(JSON.stringify(different));`,
    );
    expect(configs).toHaveLength(12);
    expect(same).toEqual([]);
  });

  test("shares the modules of a built package, by import and by require", async () => {
    write("built/package.json", JSON.stringify({ type: "module" }));
    const source = readFileSync(join(root, "src/load/self.ts"), "utf8");
    const self = write("built/dist/src/load/self.js", stripTypeScriptTypes(source));
    const index = write("built/dist/src/index.js", "export const identity = {};");
    write("built/dist/plugins/one/index.js", 'export { identity } from "waygate";');
    const config = write("elsewhere/config.mjs", 'export { identity } from "waygate/plugins/one";');
    const required = write("elsewhere/config.cjs", 'exports.identity = require("waygate").identity;');
    const same = await evaluate(
      "built.mjs",
      `const { registerSelf } = await import(${JSON.stringify(self)});
      registerSelf();
      registerSelf();
      const { identity } = await import(${JSON.stringify(index)});
      const found = [await import(${JSON.stringify(config)}), await import(${JSON.stringify(required)})];
      console.log(JSON.stringify(found.map((config) => config.identity === identity)));`,
    );
    expect(same).toEqual([true, true]);
  });
});

describe("telling a module from a script", () => {
  test.each([
    'import { a } from "b";',
    'import a from "b";',
    'import a, { c } from "b";',
    'import * as a from "b";',
    'import "b";',
    'import type { A } from "b";',
    "export default {};",
    "export { a };",
    'export * from "b";',
    "// first a comment\nexport const a = 1;",
  ])("%j is a module", (text) => expect(hasModuleSyntax(text)).toBe(true));

  test.each([
    "module.exports = {};",
    'const a = require("b");',
    'import("b").then(start);',
    "exports.a = 1;",
    "exported();",
    "importAll(a);",
    "",
  ])("%j is a script", (text) => expect(hasModuleSyntax(text)).toBe(false));
});
