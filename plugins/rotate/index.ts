/** Spreads requests over the keys of a provider. */
import { type Candidate, ConfigError, definePlugin, type Plugin } from "waygate";
import { createOrder } from "./order.ts";
import { createCounts } from "./counts.ts";

const modes = ["balanced", "sequential", "round-robin", "least-used", "weighted", "random", "usage-gap"] as const;

export type RotateMode = (typeof modes)[number];

export interface RotateOptions {
  /**
   * `balanced` draws a key, the less used the likelier; `least-used` takes the least used; `sequential` stays with the
   * most used one until it rests; `round-robin` takes the one unused for longest; `weighted` and `random` draw by the
   * keys' weights or evenly; `usage-gap` goes round until counts differ too much, then takes the least used.
   * Default `balanced`.
   */
  readonly mode?: RotateMode;
  /** For `balanced`: 0 always takes the least used, 2 to 4 is usual, above 5 is close to chance. Default 3. */
  readonly tolerance?: number;
  /** For `usage-gap`: percent of the highest count that the lowest may be behind. Default 5. */
  readonly gap?: number;
}

/** Uses are attempts sent since 03:00 UTC, per key and quota group (else model). */
export function rotate(options: RotateOptions = {}): Plugin<readonly []> {
  const { mode = "balanced", tolerance = 3, gap = 5 } = options;
  if (!modes.includes(mode)) {
    throw new ConfigError([
      {
        code: "config_invalid",
        path: ["plugins", "rotate", "mode"],
        what: `rotate: there is no mode "${String(mode)}"`,
        why: `the modes are ${modes.join(", ")}; latency and cost are not available yet`,
        fix: "name one of them",
        needle: String(mode),
      },
    ]);
  }
  const counts = createCounts();
  const order = createOrder({ mode, tolerance, gap, counts });

  return definePlugin({
    name: "rotate",
    hooks: {
      selectKey: {
        precedence: "balance",
        spread: mode !== "sequential",
        handler(candidates, { app }, selection) {
          if (candidates.length < 2) return candidates;
          counts.turn(app.runtime.clock.now());
          const ordered = inRuns(candidates, (from, to, out) => order(candidates, from, to, out, app));
          const head = ordered[0]!;
          if (selection.detailed && head !== candidates[0]) {
            const used =
              counts.of(app.credentials.scope(head.provider.name, head.model))?.get(head.credential.id)?.uses ?? 0;
            selection.move(head, `${mode}: ${used} uses today`);
          }
          return ordered;
        },
      },
      transform({ ctx: { app }, candidate }) {
        counts.turn(app.runtime.clock.now());
        counts.add(app.credentials.scope(candidate.provider.name, candidate.model), candidate.credential.id);
      },
    },
  });
}

/**
 * Calls `order` for each stretch of candidates of one rank. Position, tier and key priority are applied after this
 * policy, so a draw over all of them would seldom be the draw among those that come first.
 */
function inRuns(
  candidates: readonly Candidate[],
  order: (from: number, to: number, out: Candidate[]) => void,
): readonly Candidate[] {
  const ordered: Candidate[] = [];
  let from = 0;
  for (let index = 1; index <= candidates.length; index++) {
    if (index < candidates.length && isSameRank(candidates[from]!, candidates[index]!)) continue;
    order(from, index, ordered);
    from = index;
  }
  return ordered;
}

function isSameRank(a: Candidate, b: Candidate): boolean {
  return (
    a.provider === b.provider &&
    a.position === b.position &&
    a.model === b.model &&
    a.credential.priority === b.credential.priority
  );
}
