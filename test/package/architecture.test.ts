import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import { describe, expect, test } from "vitest";
import { linesOfCode, root, sourceFiles, type Import, type SourceFile } from "./source.ts";

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { readonly optional?: boolean }>;
};
const core = sourceFiles("src");
const plugins = sourceFiles("plugins");

/** `@scope/name` or `name` of what a bare specifier asks for. */
const packageOf = (specifier: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
const isRelative = (specifier: string): boolean => /^\.{1,2}\//.test(specifier);
const target = (file: SourceFile, specifier: string): string =>
  posix.normalize(posix.join(posix.dirname(file.path), specifier));

/** `file: specifier` for every import that breaks a rule, so that a failure names the place. */
function violations(files: readonly SourceFile[], breaks: (file: SourceFile, found: Import) => boolean): string[] {
  return files.flatMap((file) =>
    file.imports.filter((found) => breaks(file, found)).map(({ specifier }) => `${file.path}: ${specifier}`),
  );
}

describe("who may import what", () => {
  test("a plugin imports the public entry points, built-ins, declared dependencies and its own folder", () => {
    const broken = violations(plugins, (file, { specifier, types, dynamic }) => {
      // What a user may leave out is looked for when it is needed, so that its absence can be told.
      if ((types || dynamic) && packageOf(specifier) in manifest.peerDependencies) return false;
      if (isRelative(specifier)) return !target(file, specifier).startsWith(file.path.split("/", 2).join("/") + "/");
      if (isBuiltin(specifier)) return !specifier.startsWith("node:");
      return packageOf(specifier) !== "waygate" && !(packageOf(specifier) in manifest.dependencies);
    });
    expect(broken).toEqual([]);
  });

  test("the core imports no plugin; the command line names its defaults in import() only", () => {
    const broken = violations(core, (file, { specifier, dynamic }) => {
      if (isRelative(specifier)) return !target(file, specifier).startsWith("src/");
      if (packageOf(specifier) !== "waygate") return false;
      return !(dynamic && file.path.startsWith("src/cli/") && specifier.startsWith("waygate/plugins/"));
    });
    expect(broken).toEqual([]);
  });

  test("the core imports built-ins by their full name and declared dependencies only", () => {
    const broken = violations(core, (_file, { specifier }) => {
      if (isRelative(specifier) || packageOf(specifier) === "waygate") return false;
      if (isBuiltin(specifier)) return !specifier.startsWith("node:");
      return !(packageOf(specifier) in manifest.dependencies);
    });
    expect(broken).toEqual([]);
  });

  test("what a user may leave out is optional, and its types are all that is imported", () => {
    const peers = Object.keys(manifest.peerDependencies);
    expect(peers.filter((name) => !manifest.peerDependenciesMeta[name]?.optional)).toEqual([]);
    const typed = [...core, ...plugins].flatMap(({ imports }) => imports.filter(({ types }) => types));
    expect(peers.filter((name) => !typed.some(({ specifier }) => packageOf(specifier) === name))).toEqual([]);
  });

  test("every dependency is used by what is published", () => {
    const used = new Set(
      [...core, ...plugins, ...sourceFiles("bin")].flatMap((file) =>
        file.imports.map(({ specifier }) => packageOf(specifier)),
      ),
    );
    expect(Object.keys(manifest.dependencies).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe("size", () => {
  test("no file is longer than 250 lines", () => {
    const long = [...core, ...plugins]
      .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
      .filter(({ lines }) => lines > 250);
    expect(long).toEqual([]);
  });

  test("the engine that every reader has to understand stays below 10,000 lines of code", () => {
    const engine = core.filter(({ path }) => /^src\/(?:[^/]+$|(?:pipeline|candidates|plugin|server)\/)/.test(path));
    const total = engine.reduce((sum, { text }) => sum + linesOfCode(text), 0);
    expect(total).toBeGreaterThan(1000);
    expect(total).toBeLessThan(10_000);
  });
});
