/** Tells the other commands of this machine that a server runs, and lets them in. */
import { randomBytes } from "node:crypto";
import type { ConfigProblem } from "../config/problem.ts";
import { internalsOf } from "../proxy.ts";
import type { Proxy } from "../proxy-options.ts";
import type { AdminGrant } from "../server/admin-access.ts";
import type { Serving } from "../serve.ts";
import { localUrl } from "./address.ts";
import type { Source } from "./boot.ts";
import { dataFolder, removeRunFile, writeRunFile } from "./run-file.ts";
import type { Terminal } from "./terminal.ts";
import type { Uses } from "./uses.ts";

export interface AnnounceInit {
  readonly terminal: Terminal;
  readonly source: Source;
  readonly proxy: Proxy;
  readonly serving: Serving;
  readonly uses: Uses;
}

export interface Announced {
  /** For the proxies that reloads bring. */
  readonly grant: AdminGrant;
  /** Nobody is to ask any more. Also done when the process ends by itself. */
  withdraw(): void;
  /** Why nobody can find the server: the disk cannot be written. It goes on without. */
  readonly problem: ConfigProblem | undefined;
}

export async function announce({ terminal, source, proxy, serving, uses }: AnnounceInit): Promise<Announced> {
  const { cwd } = terminal;
  const token = randomBytes(32).toString("base64url");
  const grant: AdminGrant = { token, usesToday: uses.of };
  internalsOf(proxy).admin.grant(grant);
  const folder = dataFolder(source.file, cwd, proxy.config.dataDir);
  const withdraw = (): void => removeRunFile(folder, token);
  const url = localUrl(serving.url) + proxy.config.base;
  let problem: ConfigProblem | undefined;
  try {
    await writeRunFile(folder, { pid: process.pid, url, token, config: source.file ?? null });
    process.once("exit", withdraw);
  } catch (error) {
    problem = {
      code: "data_dir_readonly",
      path: ["dataDir"],
      what: "The data folder cannot be written",
      why: `The system says: ${error instanceof Error ? error.message : String(error)}. proxy keys and proxy models cannot ask this server.`,
      fix: `Let this user write ${folder}, or set dataDir to another folder.`,
    };
  }
  return { grant, withdraw, problem };
}
