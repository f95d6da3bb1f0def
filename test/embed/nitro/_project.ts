/** Projects as a user has them: an example in a folder of its own, our package and its dependencies installed. */
import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort } from "../../_processes.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const installed = join(root, "node_modules");
const exec = promisify(execFile);

export interface Built {
  /** Starts the built server on a free port; resolves with its origin once it listens. */
  start(env: { readonly [name: string]: string }): Promise<string>;
  close(): Promise<void>;
}

export interface Project {
  /** A folder of `examples`. */
  readonly example: string;
  /** The builder's program, below `node_modules`. */
  readonly command: string;
  /** More files of the project, by path. */
  readonly files: { readonly [path: string]: string };
  /** `h3` as a package manager would put it at the top for this project's package.json. */
  readonly h3: "h3" | "h3-v1";
}

/** Compiles our package into a folder, as it would be published. Remove it when done. */
export async function packWaygate(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "waygate-package-"));
  const compiler = join(installed, "typescript/bin/tsc");
  await exec(process.execPath, [compiler, "-p", join(root, "tsconfig.build.json"), "--outDir", join(folder, "dist")]);
  await cp(join(root, "package.json"), join(folder, "package.json"));
  return folder;
}

/** Builds an example with Nitro's own command. */
export async function build(project: Project, waygate: string): Promise<Built> {
  const folder = await mkdtemp(join(tmpdir(), "waygate-nitro-"));
  await cp(join(root, "examples", project.example), folder, { recursive: true });
  for (const [path, text] of Object.entries(project.files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const modules = join(folder, "node_modules");
  await mkdir(modules);
  for (const name of await readdir(installed)) {
    if (name !== "h3" && !name.startsWith(".")) await symlink(join(installed, name), join(modules, name));
  }
  await symlink(join(installed, project.h3), join(modules, "h3"));
  await cp(waygate, join(modules, "waygate"), { recursive: true });
  await mkdir(join(modules, "waygate/node_modules"));
  await symlink(join(installed, "h3"), join(modules, "waygate/node_modules/h3"));
  await exec(process.execPath, [join(modules, project.command), "build"], { cwd: folder });

  const stops: (() => Promise<void>)[] = [];
  return {
    async start(env) {
      const port = await freePort();
      const child = spawn(process.execPath, [join(folder, ".output/server/index.mjs")], {
        cwd: folder,
        env: { PATH: process.env["PATH"], HOST: "127.0.0.1", PORT: String(port), ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      stops.push(() => {
        child.kill("SIGKILL");
        return exited;
      });
      let output = "";
      await new Promise<void>((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
          stream.on("data", (chunk: Buffer) => {
            output += chunk.toString();
            if (output.includes(`:${port}`)) resolve();
          });
        }
        child.once("exit", () => reject(new Error(`The server ended:\n${output}`)));
      });
      return `http://127.0.0.1:${port}`;
    },
    async close() {
      for (const stop of stops) await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
