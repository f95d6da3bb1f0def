/** `/api/users` for the command: of the server that runs, else of one that is set up for this and serves nobody. */
import { randomBytes } from "node:crypto";
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { defaults } from "../config/defaults.ts";
import { createLog } from "../log.ts";
import type { Proxy } from "../proxy-options.ts";
import { askServer, type Replied } from "./ask-server.ts";
import { boot, type LoadPlace } from "./boot.ts";
import { dataFolder, readRunFile } from "./run-file.ts";

/** Milliseconds for an import of thousands. */
const LIMIT = 60_000;

export interface UsersApi {
  /** Where it is asked; `undefined` when no server runs. */
  readonly server: string | undefined;
  /** Rejects with a `ConfigError` of what the API says is wrong. */
  ask<T>(call: string, body?: object): Promise<T>;
  close(): Promise<void>;
}

/** Throws a `ConfigError` without `users()` in the config, and for a server that does not answer. */
export async function openUsers(place: LoadPlace): Promise<UsersApi> {
  const asked = await askServer<Replied>(place, "/api/users?limit=0", { method: "GET", whole: true });
  if (asked.server !== undefined) {
    hasUsers(asked.document);
    return {
      server: asked.server,
      async ask(call, body) {
        const { method, path } = split(call);
        const said = await askServer<Replied>(place, path, { method, body, limit: LIMIT, whole: true });
        if (said.server === undefined) throw problem("The server has ended meanwhile", said.why, "proxy users list");
        return documentOf(said.document);
      },
      close: async () => undefined,
    };
  }
  const { source, why } = asked;
  const folder = dataFolder(source.file, place.cwd, source.config.dataDir ?? defaults.dataDir);
  // It would not hear of it in time, and may be in the middle of something.
  if ((await readRunFile(folder)) !== undefined) throw problem("The users cannot be reached", `${why}.`, "proxy check");
  const key = randomBytes(32).toString("hex");
  const problems: ConfigProblem[] = [];
  const proxy = await boot(source, {
    ...{ adminKey: key, database: true, discover: false, log: createLog("error") },
    onProblem: (found) => problems.push(found),
  });
  const api: UsersApi = {
    server: undefined,
    ask: async (call, body) => documentOf(await fetchFrom(proxy, key, split(call), body)),
    close: () => proxy.close(),
  };
  try {
    if (problems.length > 0) throw new ConfigError(problems);
    hasUsers(await fetchFrom(proxy, key, { method: "GET", path: "/api/users?limit=0" }));
    return api;
  } catch (error) {
    await proxy.close();
    throw error;
  }
}

interface Asked {
  readonly method: string;
  readonly path: string;
}

function split(call: string): Asked {
  const space = call.indexOf(" ");
  return { method: call.slice(0, space), path: call.slice(space + 1) };
}

async function fetchFrom(proxy: Proxy, key: string, { method, path }: Asked, body?: object): Promise<Replied> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const url = `http://waygate.localhost${proxy.config.base}${path}`;
  const response = await proxy.fetch(
    new Request(url, { method, headers, ...(body && { body: JSON.stringify(body) }) }),
  );
  return { status: response.status, body: await response.json() };
}

function hasUsers(said: Replied): void {
  if (said.status !== 404) return void documentOf(said);
  throw problem(
    "This proxy has no users",
    "users() is not among the plugins of its config.",
    "Add users() to plugins.",
  );
}

function documentOf<T>({ status, body }: Replied): T {
  if (status < 400) return body as T;
  const { error } = body as { readonly error?: { readonly message?: string; readonly code?: string } };
  const what = status === 409 ? "Not changed" : status === 404 ? "Not found" : "The server refused";
  throw problem(what, error?.message ?? `It answered with status ${status}.`, "proxy users list", error?.code);
}

export function problem(what: string, why: string, fix: string, code = "users_failed"): ConfigError {
  return new ConfigError([{ code, path: [], what, why, fix }]);
}
