/** What is asked of a proxy, and what it is given beside its config. */
import type { ConsolaInstance } from "consola";
import type { ConfigProblem } from "./config/problem.ts";
import type { ResolvedConfig } from "./config/types.ts";
import type { RequestSink } from "./pipeline/pipeline.ts";
import type { App } from "./plugin/app.ts";
import type { Runtime } from "./runtime.ts";

export interface Proxy {
  /**
   * Answers one request; starts the proxy on first use. Never rejects for what a client or an upstream does. May be
   * handed over alone, and hosts may pass more arguments of their own.
   */
  fetch(request: Request): Promise<Response>;
  /** The same for clients that call it as they call the global `fetch`, with an address and an `init`. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Resolves when plugins are set up; rejects with what is wrong. Memoised. */
  ready(): Promise<App>;
  /** Ends background work and connections. All plugins are closed, in reverse order, whatever one of them throws. */
  close(): Promise<void>;
  /** The config with every default filled in. */
  readonly config: ResolvedConfig;
  /** What is allowed in the config but not what anybody wants. */
  readonly warnings: readonly ConfigProblem[];
}

export interface ProxyOptions {
  /** Time, randomness and the network, in part or whole. Default: the machine's. */
  readonly runtime?: Partial<Runtime>;
  readonly log?: ConsolaInstance;
  /** Called once per request, before the `record` hooks; for a request log. */
  readonly onRequest?: RequestSink;
  /**
   * False: nobody is called. No provider is asked for its models, and no plugin's background work begins. For commands
   * that only look. Default true.
   */
  readonly discover?: boolean;
  /** Folder that relative paths of the config start from. Default: the working folder. */
  readonly root?: string;
  /**
   * True: the database is opened even when nothing asks for it, and what rests and is counted outlives the process,
   * unless the config says `database: false`. False: never. Default: when the config or a plugin asks.
   */
  readonly database?: boolean;
  /** Opens the administrator's routes and nothing else. Default: `ADMIN_KEY` of the environment. */
  readonly adminKey?: string;
  /** Told of trouble with what is kept on disk. Default: a warning in the log. */
  readonly onProblem?: (problem: ConfigProblem) => void;
}
