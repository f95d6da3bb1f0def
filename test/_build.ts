/**
 * Builds the package once before the tests, for those that start processes: compiling the sources anew in every process
 * took longer than what the processes do. Nothing is built while the sources are as they were.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { built, compileCache } from "./_built.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
/** What a package has beside what is compiled. */
const packed = ["bin", "package.json", "schema.json"];
const parts = ["src", "plugins", "tsconfig.json", "tsconfig.build.json", "test/_build.ts", ...packed];
const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
/** What is built is a package that can run; `npm run typecheck` is who finds fault. */
const options = ["--noCheck", "--noEmitOnError", "false", "--declaration", "false", "--isolatedDeclarations", "false"];

export function setup(project: TestProject): void {
  build();
  project.onTestsRerun(build);
}

function build(): void {
  const stamp = join(built, "stamp");
  // The newest change alone would not tell an older file that was put in place of a newer one.
  const sources = JSON.stringify(parts.flatMap((part) => changes(join(root, part))));
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === sources) return;
  const fresh = `${built}-${process.pid}`;
  try {
    const args = [compiler, "-p", join(root, "tsconfig.build.json"), "--outDir", join(fresh, "dist"), ...options];
    const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
    for (const part of packed) cpSync(join(root, part), join(fresh, part), { recursive: true });
    writeFileSync(
      join(fresh, "register.mjs"),
      'import { registerSelf } from "./dist/src/load/self.js";\nregisterSelf();\n',
    );
    // Half of a file being written cannot be compiled; the tests that need it say so, and the next run tries again.
    if (status === 0) writeFileSync(join(fresh, "stamp"), sources);
    rmSync(compileCache.NODE_COMPILE_CACHE, { recursive: true, force: true });
    renew(built, fresh);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** When each file was changed, in epoch milliseconds; folders count, so that a deleted file is noticed. */
function changes(path: string): number[] {
  // What an editor writes beside a file may be gone again.
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isDirectory()) return stats ? [stats.mtimeMs] : [];
  return [stats.mtimeMs, ...readdirSync(path).flatMap((name) => changes(join(path, name)))];
}

/** Makes one folder what the other is, file by file: the tests of another run may be using it. */
function renew(folder: string, fresh: string): void {
  mkdirSync(folder, { recursive: true });
  const entries = readdirSync(fresh, { withFileTypes: true });
  for (const entry of entries) {
    const [to, from] = [join(folder, entry.name), join(fresh, entry.name)];
    if (entry.isDirectory()) renew(to, from);
    else if (!existsSync(to) || !readFileSync(to).equals(readFileSync(from))) renameSync(from, to);
  }
  const names = new Set(entries.map(({ name }) => name));
  for (const name of readdirSync(folder)) {
    if (!names.has(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
