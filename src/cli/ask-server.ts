/** Asks the server that runs with this config, if one does. */
import { dirname } from "node:path";
import { Agent, request } from "undici";
import { defaults } from "../config/defaults.ts";
import { findConfig } from "../load/find.ts";
import { adminHeader } from "../server/admin-access.ts";
import { type LoadPlace, loadSource, type Source } from "./boot.ts";
import { dataFolder, readRunFile, type RunFile } from "./run-file.ts";

/** Milliseconds the server has for its answer. */
const LIMIT = 3000;

export type Asked<T> =
  | { readonly server: string; readonly document: T }
  /** `why` completes "No answer:", for people. The config has been loaded, because it is needed now. */
  | { readonly server: undefined; readonly why: string; readonly source: Source };

/** Something to be done, instead of a question. */
export interface Order {
  /** Default: none. */
  readonly body?: object;
  /** Default `POST`. */
  readonly method?: string;
  /** Every answer in JSON is the document, as a `Replied`, whatever its status is. */
  readonly whole?: boolean;
  /** Milliseconds the server has. */
  readonly limit?: number;
}

export interface Replied {
  readonly status: number;
  readonly body: unknown;
}

/** Throws a `ConfigError` when no server runs and the config cannot be loaded. */
export async function askServer<T>(place: LoadPlace, path: string, order?: Order): Promise<Asked<T>> {
  const file = await findConfig(place);
  const usual = dataFolder(file, place.cwd, defaults.dataDir);
  // A server that runs is asked even when the config has been broken since.
  const first = await askAt<T>(usual, { file, path, order });
  if (first.document !== undefined) return { server: first.url, document: first.document };
  const source = await loadSource(place);
  const folder = dataFolder(file, place.cwd, source.config.dataDir ?? defaults.dataDir);
  const second = folder === usual ? first : await askAt<T>(folder, { file, path, order });
  if (second.document !== undefined) return { server: second.url, document: second.document };
  const where = file === undefined ? "here" : `with ${dirname(file) === place.cwd ? "this config" : file}`;
  return { server: undefined, why: second.why ?? `no server runs ${where}`, source };
}

export interface Answer<T> {
  readonly url: string;
  readonly document?: T;
  readonly why?: string;
}

export interface Question {
  readonly file: string | undefined;
  readonly path: string;
  readonly order?: Order | undefined;
}

/** Of the server whose data is in `folder`, if it runs with this config. */
export async function askAt<T>(folder: string, { file, path, order }: Question): Promise<Answer<T>> {
  const run = await readRunFile(folder);
  // Several configs of one folder share its data; the server may be that of another one.
  if (run === undefined || run.config !== (file ?? null)) return { url: "" };
  const { url, pid } = run;
  try {
    return { url, document: (await send(run, path, order)) as T };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return { url, why: `the server at ${url} (process ${pid}) did not answer: ${said}` };
  }
}

/** Not by `fetch`: the machine's settings may send that through a proxy, and the token with it. */
async function send({ url, token }: RunFile, path: string, order: Order | undefined): Promise<unknown> {
  // The certificate need not be for 127.0.0.1.
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const { statusCode, body } = await request(url + path, {
      dispatcher,
      ...(order && { method: order.method ?? "POST" }),
      ...(order?.body && { body: JSON.stringify(order.body) }),
      headers: { [adminHeader]: token, ...(order?.body && { "content-type": "application/json" }) },
      signal: AbortSignal.timeout(order?.limit ?? LIMIT),
    });
    if (order?.whole) return { status: statusCode, body: await body.json() } satisfies Replied;
    if (statusCode === 200) return await body.json();
    await body.dump();
    throw new Error(`status ${statusCode}`);
  } finally {
    await dispatcher.destroy();
  }
}
