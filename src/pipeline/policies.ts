/**
 * Runs the `selectKey` policies over a list of candidates, in the fixed precedence. Every drop and every change of the
 * first place is kept with its policy and reason.
 */
import { ProxyError } from "../failure/error.ts";
import type { Candidate, Decision } from "../plugin/context.ts";
import type { Hooks, Selection } from "../plugin/hooks.ts";
import type { MaybePromise } from "../plugin/provider.ts";
import type { RequestState } from "./context.ts";
import { applies, type BoundHook, callHook, isPromise } from "./hooks.ts";

export type Policies = readonly BoundHook<Hooks["selectKey"]>[];

export interface PoliciesRun {
  readonly state: RequestState;
  /** Where decisions go. */
  readonly decisions: Decision[];
  /** Somebody will read every reason. */
  readonly detailed: boolean;
}

/** `policies` come as `compileHooks` sorts them: what counts least runs first. */
export function runPolicies(
  policies: Policies,
  given: readonly Candidate[],
  run: PoliciesRun,
): MaybePromise<readonly Candidate[]> {
  return runFrom(0, policies, given, run, false);
}

function runFrom(
  from: number,
  policies: Policies,
  given: readonly Candidate[],
  run: PoliciesRun,
  prioritised: boolean,
): MaybePromise<readonly Candidate[]> {
  const { ctx } = run.state;
  const { tracer } = ctx.app.runtime;
  let candidates = given;
  let sorted = prioritised;
  for (let index = from; index < policies.length && candidates.length > 0; index++) {
    const hook = policies[index]!;
    if (!applies(hook, ctx)) continue;
    // Key priority stands between affinity and tier, so it is applied before the first tier policy, and only there:
    // a second one must not lose what the first has sorted.
    if (hook.precedence === "tier" && !sorted) {
      candidates = byPriority(candidates);
      sorted = true;
    }
    const before = candidates;
    const report = createReport(hook.plugin, run);
    const pending = callHook(tracer, hook, () => hook.handler(before, ctx, report));
    if (isPromise(pending)) {
      return pending.then((result) => {
        note(hook.plugin, before, result as readonly Candidate[], report, run.decisions);
        return runFrom(index + 1, policies, result as readonly Candidate[], run, sorted);
      });
    }
    note(hook.plugin, before, pending, report, run.decisions);
    candidates = pending;
  }
  return byPosition(sorted ? candidates : byPriority(candidates));
}

interface Report extends Selection {
  /** Absent until something is said. */
  said: Set<Candidate> | undefined;
}

function createReport(policy: string, { decisions, detailed }: PoliciesRun): Report {
  const report: Report = {
    detailed,
    said: undefined,
    drop(candidate, why) {
      (report.said ??= new Set()).add(candidate);
      decisions.push({ policy, action: "drop", candidate, ...why });
    },
    move(candidate, reason) {
      if (detailed) decisions.push({ policy, action: "move", candidate, reason });
    },
  };
  return report;
}

/** Records what the policy did and did not say. */
function note(
  policy: string,
  before: readonly Candidate[],
  after: readonly Candidate[],
  report: Report,
  decisions: Decision[],
): void {
  if (after === before) return;
  if (!Array.isArray(after)) {
    throw new ProxyError({ kind: "internal", message: `[${policy}] selectKey: it must return a list of candidates.` });
  }
  if (after.length < before.length) {
    const kept = new Set(after);
    for (const candidate of before) {
      if (kept.has(candidate) || report.said?.has(candidate)) continue;
      decisions.push({ policy, action: "drop", candidate, reason: "left out", kind: "other" });
    }
  }
  const head = after[0];
  if (head !== undefined && head !== before[0] && !report.detailed) {
    decisions.push({ policy, action: "move", candidate: head, reason: "first" });
  }
}

const worst = Number.MAX_SAFE_INTEGER;

function byPriority(candidates: readonly Candidate[]): readonly Candidate[] {
  for (let index = 1; index < candidates.length; index++) {
    if ((candidates[index - 1]!.credential.priority ?? worst) > (candidates[index]!.credential.priority ?? worst)) {
      return candidates.toSorted((a, b) => (a.credential.priority ?? worst) - (b.credential.priority ?? worst));
    }
  }
  return candidates;
}

function byPosition(candidates: readonly Candidate[]): readonly Candidate[] {
  for (let index = 1; index < candidates.length; index++) {
    if (candidates[index - 1]!.position > candidates[index]!.position) {
      return candidates.toSorted((a, b) => a.position - b.position);
    }
  }
  return candidates;
}
