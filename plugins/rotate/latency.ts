/** How long keys take to their first token, and the order that follows from it. */
import type { Candidate, Context } from "waygate";

interface Sample {
  /** Milliseconds, newer answers counting more. */
  ms: number;
  /** Epoch milliseconds of the last one. */
  at: number;
}

export interface Latencies {
  /** Milliseconds an attempt took to its first content; whole answers are kept apart from streams. */
  add(ctx: Context, candidate: Candidate, ms: number): void;
  /** The candidates, the quickest first. */
  order(candidates: readonly Candidate[], ctx: Context): readonly Candidate[];
  /** For people. */
  describe(candidate: Candidate, ctx: Context): string;
}

/** What one answer counts at least, however soon it follows another. */
const NEW = 0.3;
/** Milliseconds after which what was measured before counts a third. */
const FADES = 60_000;
/** A key is thought twice as quick after this many milliseconds without an answer, three times after twice as many. */
const DOUBTED = 60_000;
/** Keys of one rank that are tried before a measured one is preferred to one that is not. */
const ENOUGH = 8;
/** Kept at most; beyond, the scope measured first is forgotten, because clients may make names of models up. */
const MOST = 250_000;

export function createLatencies(): Latencies {
  const scopes = new Map<string, Map<string, Sample>>();
  let kept = 0;

  const scopeOf = (ctx: Context, { provider, model }: Candidate): string =>
    `${ctx.stream ? "s" : "w"}${provider.name}/${model}`;
  const forgetFirst = (): void => {
    const first = scopes.entries().next().value;
    if (first === undefined) return;
    scopes.delete(first[0]);
    kept -= first[1].size;
  };

  return {
    add(ctx, candidate, ms) {
      const now = ctx.app.runtime.clock.now();
      const scope = scopeOf(ctx, candidate);
      let samples = scopes.get(scope);
      if (samples === undefined) scopes.set(scope, (samples = new Map()));
      const sample = samples.get(candidate.credential.id);
      const taken = Math.max(1, ms);
      if (sample === undefined) {
        samples.set(candidate.credential.id, { ms: taken, at: now });
        if (++kept > MOST) forgetFirst();
        return;
      }
      const old = Math.min(1 - NEW, Math.exp(-Math.max(0, now - sample.at) / FADES));
      sample.ms = sample.ms * old + taken * (1 - old);
      sample.at = now;
    },
    order(candidates, ctx) {
      const { clock } = ctx.app.runtime;
      const now = clock.now();
      const scores = new Map<Candidate, number>();
      const measured = new Map<string, number>();
      let scope = "";
      let samples: ReadonlyMap<string, Sample> | undefined;
      let last: Candidate | undefined;
      for (const candidate of candidates) {
        // Neighbours mostly are of one target, whose name need not be put together again.
        if (last?.provider !== candidate.provider || last.model !== candidate.model) {
          scope = scopeOf(ctx, candidate);
          samples = scopes.get(scope);
        }
        last = candidate;
        const sample = samples?.get(candidate.credential.id);
        if (sample === undefined) continue;
        measured.set(scope, (measured.get(scope) ?? 0) + 1);
        // What waits in front of a request counts as much as how long each takes. A key that was slow is tried again
        // after a while: the slower, the later.
        const busy = 1 + ctx.app.credentials.inFlight(candidate.credential.id);
        const doubt = 1 + Math.max(0, now - sample.at) / DOUBTED;
        scores.set(candidate, (sample.ms * busy) / doubt);
      }
      const scoreOf = (candidate: Candidate): number => {
        const score = scores.get(candidate);
        if (score !== undefined) return score;
        const enough = (measured.get(scopeOf(ctx, candidate)) ?? 0) >= ENOUGH;
        const busy = ctx.app.credentials.inFlight(candidate.credential.id);
        return enough ? Number.MAX_VALUE : busy - Number.MAX_SAFE_INTEGER;
      };
      if (scores.size < candidates.length) for (const each of candidates) scores.set(each, scoreOf(each));
      return candidates.toSorted((a, b) => scores.get(a)! - scores.get(b)!);
    },
    describe(candidate, ctx) {
      const sample = scopes.get(scopeOf(ctx, candidate))?.get(candidate.credential.id);
      return sample === undefined ? "latency: not measured yet" : `latency: ${Math.round(sample.ms)} ms`;
    },
  };
}
