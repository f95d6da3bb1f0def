import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { engineProblem, prefersSource } from "../../bin/launch.mjs";
import { root } from "./source.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waygate-bin-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, ...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [file, ...args], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? "killed"), stdout, stderr }),
    );
  });
}

function write(path: string, text: string, changed?: number): void {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  if (changed === undefined) return;
  for (let at = full; at !== folder; at = dirname(at)) utimesSync(at, changed, changed);
}

/** A package with our `bin`, and in place of our command line one that prints what it was called with. */
function writePackage(name: string, engines: string): string {
  cpSync(join(root, "bin"), join(folder, name, "bin"), { recursive: true });
  write(`${name}/package.json`, JSON.stringify({ type: "module", engines: { node: engines } }));
  write(
    `${name}/dist/src/cli/index.js`,
    "export async function main(argv) { console.log(argv.join(' ')); return argv.length; }",
  );
  return join(folder, name, "bin", "proxy.mjs");
}

describe("the check of the Node version", () => {
  const problem = (version: string): string | undefined =>
    engineProblem({ engines: ">=22.18", version, executable: "/usr/bin/node" });

  test.each(["22.18.0", "22.19.1", "23.0.0", "24.21.0", "100.0.0", "25.0.0-nightly20261101"])("takes %s", (version) => {
    expect(problem(version)).toBeUndefined();
  });

  test.each(["22.17.9", "20.20.2", "18.0.0", "12.22.0", "2.99.0"])("refuses %s", (version) => {
    expect(problem(version)).toContain(version);
  });

  test("says in one line what is needed, what was found and what to do", () => {
    expect(problem("20.20.2")).toBe(
      "waygate needs Node 22.18 or newer; this is 20.20.2 (/usr/bin/node). " +
        "In a clone run npm install first: it brings its own.",
    );
  });

  test("ends the command before anything else is loaded", async () => {
    const { code, stdout, stderr } = await run(writePackage("too-old", ">=99.1"), "start");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^waygate needs Node 99\.1 or newer; this is /),
    ]);
  });
});

describe("what the command runs", () => {
  test("is dist where there are no sources, with the arguments and the exit code of the command line", async () => {
    const { code, stdout } = await run(writePackage("published", ">=20"), "check", "--live");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "check --live\n" });
  });

  test("prints why the command line could not run and exits with 1", async () => {
    const bin = writePackage("broken", ">=20");
    write("broken/dist/src/cli/index.js", "export async function main() { throw new Error('out of luck'); }");
    const { code, stderr } = await run(bin);
    expect(code).toBe(1);
    expect(stderr).toContain("out of luck");
  });

  test("is the sources when they, or a plugin, changed after the build", () => {
    const cases = { built: 2000, source: 1000, plugin: 1000 };
    const prefers = (name: string, times: typeof cases): boolean => {
      write(`${name}/dist/src/cli/index.js`, "", times.built);
      write(`${name}/src/deep/er/file.ts`, "", times.source);
      write(`${name}/plugins/one/index.ts`, "", times.plugin);
      return prefersSource(join(folder, name));
    };
    expect(prefers("unchanged", cases)).toBe(false);
    expect(prefers("source-changed", { ...cases, source: 3000 })).toBe(true);
    expect(prefers("plugin-changed", { ...cases, plugin: 3000 })).toBe(true);
  });

  test("is the sources when nothing was built", () => {
    write("never-built/src/file.ts", "");
    expect(prefersSource(join(folder, "never-built"))).toBe(true);
  });
});
