/** What every request of a proxy shares. */
import type { Pool } from "../candidates/pool.ts";
import type { App } from "../plugin/app.ts";
import type { Context, Outcome } from "../plugin/context.ts";
import type { CompiledHooks } from "./hooks.ts";

/** Told of every request at its end, before the `record` hooks. */
export type RequestSink = (outcome: Outcome, ctx: Context) => void;

export interface Pipeline {
  readonly app: App;
  readonly pool: Pool;
  readonly hooks: CompiledHooks;
  /** Where the one line per request goes. */
  readonly sink: RequestSink | undefined;
}
