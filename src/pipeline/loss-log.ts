/** One line for each kind of loss, not one for each request: a loss that is always the same would bury the log. */
import type { App } from "../plugin/app.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";

/** Kinds of losses remembered per proxy at most. */
const LIMIT = 1000;

const told = new WeakMap<App, Set<string>>();

/** Says what an upstream's protocol had no place for, the first time it happens. */
export function logLosses({ ctx, losses }: RequestState, attempt: RunningAttempt): void {
  const { app, protocol } = ctx;
  let known = told.get(app);
  if (!known) told.set(app, (known = new Set()));
  for (const { what, where } of losses) {
    const line = `${protocol.id} → ${attempt.protocol.id}: ${what}`;
    if (known.has(line) || known.size >= LIMIT) continue;
    known.add(line);
    app.log.info(
      `Lost in translation, ${line} (${where}, model ${ctx.model}). Said once; strict refuses such requests.`,
    );
  }
}
