/** Every key is used up once before any of them is used again. */
import type { App, Attempt, Candidate, Gate, Plugin } from "waygate";

export interface FairCycleOptions {
  /** Requests of a key after which it has had its share. Default: none, only rests count. */
  readonly requests?: number;
  /** Milliseconds of a rest from which on a key counts as used up. Default 5 min. */
  readonly rest?: number;
  /** Milliseconds up to which the rest of a key is waited for before a new cycle begins. Default 90 s. */
  readonly wait?: number;
  /** Milliseconds after which a cycle ends in any case. Default 7 days. */
  readonly length?: number;
  /** Keys of all priorities are in one cycle. Default false: each priority has its own. */
  readonly together?: boolean;
  /** Cycles of the key as a whole and not of each model or quota group. Default false. */
  readonly perKey?: boolean;
}

interface Cycle {
  readonly ends: number;
  readonly used: Map<string, number>;
  readonly done: Set<string>;
  /** When the last one returns: then the next cycle begins. */
  turns: number | undefined;
}

const DAY = 86_400_000;
const policy = "fair-cycle";

/** Counts are of this process. */
export function fairCycle(options: FairCycleOptions): { readonly gate: Gate; readonly hooks: Plugin["hooks"] } {
  const { requests = Number.POSITIVE_INFINITY, rest = 300_000, wait = 90_000, length = 7 * DAY } = options;
  const cycles = new Map<string, Cycle>();

  const nameOf = ({ provider, model, credential }: Candidate, app: App): string => {
    const scope = options.perKey ? "" : app.credentials.scope(provider.name, model);
    return `${provider.name}/${options.together ? "" : (credential.priority ?? "")}/${scope}`;
  };
  const cycleOf = (candidate: Candidate, app: App): Cycle => {
    const now = app.runtime.clock.now();
    const name = nameOf(candidate, app);
    let cycle = cycles.get(name);
    if (cycle && (now >= cycle.ends || (cycle.turns !== undefined && now >= cycle.turns))) {
      end(name, cycle, app);
      cycle = undefined;
    }
    if (!cycle) cycles.set(name, (cycle = { ends: now + length, used: new Map(), done: new Set(), turns: undefined }));
    return cycle;
  };
  const end = (name: string, { done }: Cycle, app: App): void => {
    cycles.delete(name);
    for (const credential of done) app.credentials.lift(policy, credential);
  };
  const hold = (candidate: Candidate, app: App, until: number): void =>
    app.credentials.hold(candidate, "key", {
      state: "exhausted",
      until,
      policy,
      reason: "it has had its share of this cycle",
      kind: "quota_exhausted",
    });

  const finish = (candidate: Candidate, app: App): void => {
    const cycle = cycleOf(candidate, app);
    const { id } = candidate.credential;
    if (cycle.done.has(id)) return;
    cycle.done.add(id);
    hold(candidate, app, cycle.ends);
    const { priority } = candidate.credential;
    const all = app.credentials
      .list(candidate.provider.name)
      .filter((credential) => options.together || credential.priority === priority);
    if (all.some((credential) => !cycle.done.has(credential.id))) return;
    const now = app.runtime.clock.now();
    const returns = all.map((credential) => {
      // What is held hides what rests.
      app.credentials.lift(policy, credential.id);
      return restOf({ ...candidate, credential }, app);
    });
    const soon = returns.filter((until) => until > now && until - now < wait);
    if (soon.length === 0) {
      end(nameOf(candidate, app), cycle, app);
      return;
    }
    // One is back shortly: then everybody is.
    cycle.turns = Math.min(...soon);
    for (const credential of all) hold({ ...candidate, credential }, app, cycle.turns);
  };

  return {
    gate: {
      name: policy,
      reserve(candidate, { app }) {
        const cycle = cycleOf(candidate, app);
        const { id } = candidate.credential;
        if (cycle.done.has(id)) {
          const until = cycle.turns ?? cycle.ends;
          return { refused: "it has had its share of this cycle", kind: "quota_exhausted", until, holds: "key" };
        }
        return {
          settle({ sent }) {
            if (!sent) return;
            const used = (cycle.used.get(id) ?? 0) + 1;
            cycle.used.set(id, used);
            if (used >= requests && cycles.get(nameOf(candidate, app)) === cycle) finish(candidate, app);
          },
        };
      },
    },
    hooks: {
      fail: {
        // After the policies that let keys rest.
        order: "post",
        handler(_error, { candidate, ctx: { app } }: Attempt) {
          if (restOf(candidate, app) - app.runtime.clock.now() >= rest) finish(candidate, app);
        },
      },
    },
  };
}

/** Epoch milliseconds; 0 when it does not rest. */
function restOf(candidate: Candidate, app: App): number {
  const found = app.credentials.resting(candidate);
  return found && found.policy !== policy ? found.until : 0;
}
