/** What the proxy says of each request when it is over, held against what could have been done for it. */
import type { RequestSink } from "../pipeline/pipeline.ts";
import type { Affinity } from "./affinity.ts";
import type { Promises, Violate } from "./invariants.ts";
import type { Life } from "./life.ts";
import type { Trace } from "./trace.ts";
import type { Watch } from "./watch.ts";

export interface RecordsInit {
  readonly lives: ReadonlyMap<number, Life>;
  readonly trace: Trace;
  readonly time: () => number;
  readonly promises: Promises;
  readonly violate: Violate;
  readonly watch: Watch;
  readonly affinity: Affinity | undefined;
}

export function readRecords({ lives, trace, time, promises, violate, watch, affinity }: RecordsInit): RequestSink {
  return (outcome, ctx) => {
    const life = lives.get(Number(ctx.id.slice(1)));
    if (!life) return violate("one-end", `a record of ${ctx.id}, which is over`);
    life.records++;
    life.outcome = outcome;
    affinity?.ended(life);
    const { error, end, status } = outcome;
    trace.note(time(), "record", `#${life.request.index}`, end, status, error?.code ?? error?.kind);
    if (life.records > 1) violate("one-end", `${life.records} records`, life);
    const isLate = time() - life.askedAt >= promises.deadline;
    const isFinal = isLate || error?.scope === "request" || ctx.attempts.length >= promises.attempts;
    const isShort = error?.kind === "no_candidate" || (end === "upstream-failed" && !isFinal);
    if (!isShort || isLate || life.jumped || status === 200) return;
    const free = watch.usable(life);
    if (free !== undefined) violate("no-starvation", `refused with ${error?.kind} though ${free} could be asked`, life);
  };
}
