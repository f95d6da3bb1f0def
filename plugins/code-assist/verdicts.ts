/** What follows a failure of the service, beyond what the core does by default: who waits, who goes on, who gives up. */
import type { Attempt, ErrorKind, ProxyError, Verdict } from "waygate";
import { accountUnusable } from "./ask.ts";
import { emptyAnswer } from "./empty.ts";
import type { Failed } from "./exchange.ts";
import { type CodeAssistFailure, classifyCodeAssist, codeAssistFailures, isBare, readFailure } from "./failures.ts";

export interface VerdictOptions {
  /** Milliseconds of the waits while the server has no room; then the next model of an alias. Default 1, 2 and 4 s. */
  readonly capacityWaits?: readonly number[];
  /** Milliseconds of the waits after an empty answer. Default 1 s, twice. */
  readonly emptyWaits?: readonly number[];
  /** Milliseconds of the waits after a 429 that says nothing, on the same account. Default none: one other account is asked. */
  readonly bareWaits?: readonly number[];
}

export interface Verdicts {
  classify: ReturnType<typeof classifyCodeAssist>;
  /** A refusal as it came, with the addresses that are for the operator alone. */
  refused(attempt: Attempt, failed: Failed): void;
  fail(error: ProxyError, attempt: Attempt): Verdict | undefined;
}

/** Accounts asked for a model that the first says it does not have, and after a 429 that says nothing. */
const ASKED = 2;

/** `more` comes before the service's usual failures. */
export function verdictsOf(more: readonly CodeAssistFailure[] = [], options: VerdictOptions = {}): Verdicts {
  const { capacityWaits = [1000, 2000, 4000], emptyWaits = [1000, 1000], bareWaits = [] } = options;
  const rows = [...more, ...codeAssistFailures];
  const refusals = new WeakMap<Attempt, Failed>();

  const wait = (waits: readonly number[], turn: number): Verdict => {
    const after = waits[turn];
    return after === undefined ? { then: "next" } : { then: "same", after };
  };

  return {
    classify: classifyCodeAssist(more),
    refused: (attempt, failed) => void refusals.set(attempt, failed),
    fail(error, attempt) {
      if (attempt.committed) return undefined;
      const status = error.upstream?.status ?? 0;
      const body = error.upstream?.body ?? "";
      const raw = refusals.get(attempt);
      const found = raw ? readFailure(raw.status, raw.text, rows) : readFailure(status, body, rows);
      const isUnusable = error.code === accountUnusable || error.kind === "banned";
      if (isUnusable || found?.row.needsHuman) {
        const said = found?.row.says?.(found.error) ?? (typeof error.cause === "string" ? error.cause : error.message);
        letRest(error, attempt, said);
      }
      // Where the user has named other models for this case, they are asked.
      const giveUp: Verdict | undefined = attempt.ctx.app.models.isAlias(attempt.ctx.model)
        ? undefined
        : { then: "stop" };
      if (error.kind === "overloaded" && error.scope === "request") {
        return wait(capacityWaits, metBefore(attempt, "overloaded"));
      }
      if (error.code === emptyAnswer) return wait(emptyWaits, metBefore(attempt, "upstream"));
      if (error.kind === "rate_limited" && isBare(status, body)) {
        const refused = metBefore(attempt, "rate_limited");
        if (refused < bareWaits.length) return wait(bareWaits, refused);
        return refused - bareWaits.length + 1 < ASKED ? undefined : giveUp;
      }
      if (error.kind === "model_unavailable") {
        return metBefore(attempt, "model_unavailable") + 1 < ASKED ? undefined : giveUp;
      }
      return undefined;
    },
  };
}

/** Failures of that kind which this request has met before, of the same model. */
function metBefore({ ctx, index, provider, model }: Attempt, kind: ErrorKind): number {
  return ctx.attempts.filter(
    (each) => each.index < index && each.error?.kind === kind && each.provider === provider && each.model === model,
  ).length;
}

/** Only a human ends it: no other request of this account can succeed. */
function letRest(error: ProxyError, { provider, credential, ctx }: Attempt, reason: string): void {
  const { credentials, log } = ctx.app;
  const target = { provider: provider.name, credential: credential.id };
  const before = credentials.restOf(target);
  if (before?.reason === reason) return;
  const isBanned = error.kind === "banned";
  const rest = { state: isBanned ? "banned" : "invalid", kind: "dead", policy: provider.name, reason } as const;
  credentials.rest(target, { ...rest, until: Number.POSITIVE_INFINITY });
  log.warn(`${provider.name}: ${credential.label ?? credential.id} is not asked any more. ${reason}`);
}
