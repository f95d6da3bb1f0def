/**
 * Builds `dist`: all of it or, when the compiler finds fault, nothing, and the old one stays. Runs on Node 20 too,
 * since `prepare` may run before the Node that the repository brings is on the path.
 */
import { spawnSync } from "node:child_process";
import { existsSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const at = (name) => join(root, name);
const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
const fresh = at(`.dist-${process.pid}`);
const old = at(`.dist-${process.pid}-old`);

try {
  const tsc = spawnSync(process.execPath, [compiler, "-p", at("tsconfig.build.json"), "--outDir", fresh], {
    stdio: "inherit",
  });
  if (tsc.error) throw tsc.error;
  if (tsc.status === 0) {
    if (existsSync(at("dist"))) renameSync(at("dist"), old);
    renameSync(fresh, at("dist"));
  }
  process.exitCode = tsc.status ?? 1;
} finally {
  for (const folder of [fresh, old]) rmSync(folder, { recursive: true, force: true });
}
