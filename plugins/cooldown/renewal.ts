/** A refused token is renewed once, and the request that met the refusal waits for it. */
import type { Attempt, Verdict } from "waygate";

export interface Renewals {
  /** Asks for a new token; `onFresh` runs before anybody uses it. */
  start(attempt: Attempt, onFresh: () => void): void;
  /** What the request is to do: the same once more when there is a new token in time. */
  await(attempt: Attempt): Promise<Verdict | undefined> | undefined;
}

export function createRenewals(): Renewals {
  const running = new Map<string, Promise<boolean>>();
  return {
    start(attempt, onFresh) {
      const { credential } = attempt;
      const renewal = renew(attempt, onFresh).finally(() => running.delete(credential.id));
      running.set(credential.id, renewal);
    },
    await(attempt) {
      const renewal = running.get(attempt.credential.id);
      if (renewal === undefined || attempt.committed || wasRefused(attempt)) return undefined;
      return inTime(renewal, attempt).then((isFresh) => (isFresh ? { then: "same" } : undefined));
    },
  };
}

/** True when this request has met a refusal of the credential before: a new token has not helped. */
export function wasRefused({ ctx, index, credential }: Attempt): boolean {
  return ctx.attempts.some(
    (each) => each.index < index && each.credential.id === credential.id && each.error?.kind === "credential_invalid",
  );
}

async function renew({ provider, credential, ctx }: Attempt, onFresh: () => void): Promise<boolean> {
  try {
    await ctx.app.credentials.refresh(credential);
    onFresh();
    return true;
  } catch (error) {
    ctx.log.warn(
      `The credential ${credential.label ?? credential.id} of ${provider.name} could not be refreshed:`,
      error,
    );
    return false;
  }
}

/** No longer than other keys would take, where there are some, and than the request may last. */
function inTime(renewal: Promise<boolean>, { ctx, provider, startedAt }: Attempt): Promise<boolean> {
  const { config, credentials, runtime } = ctx.app;
  const { deadline, shortWait } = config.retry;
  const left = (ctx.attempts[0]?.startedAt ?? startedAt) + deadline - runtime.clock.now();
  const most = credentials.list(provider.name).length > 1 ? Math.min(shortWait, left) : left;
  return new Promise((resolve) => {
    const settle = (isFresh: boolean): void => {
      timer.cancel();
      ctx.signal.removeEventListener("abort", leave);
      resolve(isFresh);
    };
    const leave = (): void => settle(false);
    const timer = runtime.clock.timer(leave, Math.max(0, most));
    ctx.signal.addEventListener("abort", leave);
    // It never rejects.
    void renewal.then(settle);
  });
}
