/** A whole proxy for a test: real pipeline, chosen clock and network, every outcome and every logged fault kept. */
import { createConsola, type LogObject } from "consola";
import type { Config, PluginInput } from "../config/types.ts";
import type { App } from "../plugin/app.ts";
import type { Context, Outcome } from "../plugin/context.ts";
import { createProxy } from "../proxy.ts";
import type { Proxy } from "../proxy-options.ts";
import type { Runtime } from "../runtime.ts";
import { serve } from "../serve.ts";
import { seededRandom } from "./virtual-clock.ts";

export interface TestProxyOptions extends Omit<Config, "plugins" | "models"> {
  readonly plugins: readonly PluginInput[];
  readonly models?: { readonly [alias: string]: string | readonly string[] };
  /** Time and network. Default: the machine's, with chance from a fixed seed. */
  readonly runtime?: Partial<Runtime>;
  /** True: listens on a free port of 127.0.0.1, and `fetch` goes over the socket. */
  readonly listen?: boolean;
  /** Faults the test expects in the log; all others make `close` reject. */
  readonly faults?: RegExp;
  /** In place of `ADMIN_KEY`. Default: none. */
  readonly adminKey?: string;
}

/** One recorded request. */
export interface TestRecord {
  readonly outcome: Outcome;
  readonly ctx: Context;
}

export interface TestProxy extends AsyncDisposable {
  readonly proxy: Proxy;
  readonly app: App;
  /** `http://127.0.0.1:PORT` when it listens, else a name that only `fetch` knows. */
  readonly url: string;
  /** Fetches a path of the proxy. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Posts a chat completion; `messages` default to one short user message. */
  chat(body: { readonly model: string; readonly [field: string]: unknown }, init?: RequestInit): Promise<Response>;
  /** Requests that have ended, oldest first. */
  readonly records: readonly TestRecord[];
  /** Resolves with the n-th record (from 1) once it is there. */
  recorded(count: number): Promise<TestRecord>;
  /** Lines of the log, without colours. */
  readonly logged: readonly string[];
  /** Closes the proxy. Rejects when something was logged as an error that the test did not expect. */
  close(): Promise<void>;
}

/** Starts a proxy for a test. Nothing is printed. */
export async function createTestProxy(options: TestProxyOptions): Promise<TestProxy> {
  const { runtime, listen, faults, adminKey = "", ...config } = options;
  const records: TestRecord[] = [];
  const waiting: { count: number; resolve: (record: TestRecord) => void }[] = [];
  const lines: { readonly level: number; readonly text: string }[] = [];
  const log = createConsola({ level: 5, reporters: [{ log: (entry) => lines.push(lineOf(entry)) }] });
  const proxy = createProxy(config, {
    runtime: { random: seededRandom(1), ...runtime },
    adminKey,
    log,
    onRequest(outcome, ctx) {
      records.push({ outcome, ctx });
      for (const each of waiting.splice(0)) {
        const found = records[each.count - 1];
        if (found) each.resolve(found);
        else waiting.push(each);
      }
    },
  });
  const app = await proxy.ready();
  const serving = listen ? await serve(proxy, { port: 0 }) : undefined;
  const url = serving?.url ?? "http://waygate.localhost";

  const fetchPath = (path: string, init?: RequestInit): Promise<Response> =>
    serving ? fetch(url + path, init) : proxy.fetch(new Request(url + path, init));
  const close = async (): Promise<void> => {
    await serving?.close(0);
    await proxy.close();
    const unexpected = lines.filter((line) => line.level === 0 && !faults?.test(line.text));
    if (unexpected.length > 0) {
      throw new Error(`The proxy logged faults:\n${unexpected.map((line) => line.text).join("\n")}`);
    }
  };

  return {
    proxy,
    app,
    url,
    fetch: fetchPath,
    chat: (body, init) =>
      fetchPath("/v1/chat/completions", {
        method: "POST",
        ...init,
        headers: { "content-type": "application/json", ...(init?.headers as { [name: string]: string }) },
        body: JSON.stringify({ messages: [{ role: "user", content: "hello" }], ...body }),
      }),
    records,
    recorded(count) {
      const found = records[count - 1];
      return found ? Promise.resolve(found) : new Promise((resolve) => waiting.push({ count, resolve }));
    },
    get logged() {
      return lines.map((line) => line.text);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function lineOf({ level, args }: LogObject): { level: number; text: string } {
  const text = args.map((arg: unknown) => (arg instanceof Error ? (arg.stack ?? arg.message) : String(arg))).join(" ");
  return { level, text };
}
