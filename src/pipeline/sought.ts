/** Credentials that policies want a request to return to: found among ten thousand without looking at them all. */
import type { Placed } from "../candidates/in-flight.ts";
import type { Pool } from "../candidates/pool.ts";
import { type ReadyRing, VIEW } from "../candidates/ready-ring.ts";
import type { Candidate, Target } from "../plugin/context.ts";
import type { Sought } from "../plugin/hooks.ts";
import type { RequestState } from "./context.ts";
import { applies } from "./hooks.ts";
import type { Policies } from "./policies.ts";
import { enterRoom, waitAt } from "./waiting.ts";

/** What the policies of this request seek; `undefined` for most. */
export function soughtBy(hooks: Policies, { ctx }: RequestState): Sought | undefined {
  for (const hook of hooks) {
    const sought = hook.seek && applies(hook, ctx) ? hook.seek(ctx) : undefined;
    if (sought && sought.credentials.length > 0) return sought;
  }
  return undefined;
}

/** A target's view with what is sought in it, where a view shows only some of the candidates. */
export function withSought(
  view: readonly Candidate[],
  ring: ReadyRing,
  sought: Sought | undefined,
  usable: (candidate: Candidate) => boolean,
): readonly Candidate[] {
  if (sought === undefined || ring.readyCount <= VIEW) return view;
  const found: Candidate[] = [];
  for (const id of sought.credentials) {
    const candidate = ring.find(id);
    if (candidate && !view.includes(candidate) && usable(candidate)) found.push(candidate);
  }
  return found.length === 0 ? view : [...found, ...view];
}

/** The place of the first candidate sought, where it is only busy. */
export async function waitForSought(
  state: RequestState,
  pool: Pool,
  { sought, targets, excluded, until }: SoughtInit,
): Promise<Placed | undefined> {
  const [id = ""] = sought.credentials;
  for (const target of targets) {
    const candidate = pool.ring(target).find(id);
    if (!candidate || excluded(candidate)) continue;
    // A free one is chosen in the usual way, against whatever else the policies want.
    if (pool.flights.free(candidate)) return undefined;
    const spot = enterRoom(state, pool, undefined, () => true);
    if (!spot) return undefined;
    try {
      const call = await waitAt(state, spot, { busy: [candidate], due: undefined }, until);
      return typeof call === "object" ? call : undefined;
    } finally {
      spot.leave(true);
    }
  }
  return undefined;
}

interface SoughtInit {
  readonly sought: Sought;
  readonly targets: readonly Target[];
  readonly excluded: (candidate: Candidate) => boolean;
  /** Epoch milliseconds. */
  readonly until: number;
}
