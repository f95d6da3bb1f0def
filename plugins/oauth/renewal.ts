/** New tokens for one account: one refresh at a time in the process, and one among all that share its file. */
import { type AccountContext, type AccountFields, type AccountKind, type App, ProxyError } from "waygate";
import { type Entry, hasSameTokens, nameOf, targetOf, type Times } from "./entry.ts";
import type { Keeping } from "./holder-types.ts";

export interface RenewalInit {
  readonly kind: AccountKind;
  readonly app: App;
  readonly store: Keeping;
  readonly times: Times;
  readonly context: AccountContext;
  /** Ends the waiting for another process; a refresh that has begun goes on. */
  readonly stopping: AbortSignal;
  /** Puts these fields into use. */
  readonly adopt: (entry: Entry, fields: AccountFields) => void;
  /** A refresh has ended, one way or the other. */
  readonly ended: () => void;
}

/** Of rests that are about tokens. */
const POLICY = "oauth";
/** Begins the reason of an account that nobody can use before somebody signs in. */
const NEEDS_LOGIN = "needs_login";
/** Milliseconds until a failed refresh is tried again: the first time, and at most. */
const FIRST = 30_000;
const LONGEST = 300_000;

export type Renew = (entry: Entry) => Promise<void>;

/**
 * Concurrent calls for one account share one refresh. What is new is on the disk before it is used. Rejects with a
 * `ProxyError`, which is then the account's `error`.
 */
export function createRenew(init: RenewalInit): Renew {
  const end = (entry: Entry): void => {
    entry.running = undefined;
    init.ended();
  };
  return (entry) => (entry.running ??= renew(init, entry).finally(() => end(entry)));
}

async function renew(init: RenewalInit, entry: Entry): Promise<void> {
  const { kind, app, store, times, context, stopping, adopt } = init;
  // As it was when the wish for new tokens arose: while this waits for its turn, the file may be read again.
  const known = entry.stored.fields;
  let made: AccountFields | undefined;
  const change = async (current: AccountFields): Promise<AccountFields> => {
    const now = context.now();
    // Another process was faster, or somebody has signed in.
    if (!hasSameTokens(current, known) && times.ends(current) > now) return current;
    if (!entry.isUnsaved) return (made = await kind.refresh(current, context));
    const latest = { ...current, ...entry.account.fields };
    return (made = times.due(entry) > now ? latest : await kind.refresh(latest, context));
  };
  try {
    entry.stored = await store.update(kind, entry.stored, change, { signal: stopping });
    entry.isUnsaved = false;
    adopt(entry, entry.stored.fields);
  } catch (error) {
    if (made === undefined) throw failed(init, entry, error);
    // The old refresh token may be used up: the new one counts, and is written as soon as that works again.
    if (!entry.isUnsaved) app.log.error(`${nameOf(entry)} has new tokens that could not be saved yet:`, error);
    entry.isUnsaved = true;
    adopt(entry, { ...entry.account.fields, ...made });
  }
  renewed(app, entry);
}

/** Whatever kept the account out because of its tokens is over; a quota that is used up stays so. */
export function renewed(app: App, entry: Entry): void {
  entry.failures = 0;
  entry.notBefore = 0;
  entry.error = undefined;
  entry.needsLogin = false;
  if (app.credentials.restOf(targetOf(entry))?.policy === POLICY) app.credentials.wake(targetOf(entry));
}

function failed({ app, context, times }: RenewalInit, entry: Entry, thrown: unknown): ProxyError {
  const error = asProxyError(thrown, entry);
  if (error.kind === "aborted") return error;
  const { credentials, log } = app;
  const { message } = error;
  const now = context.now();
  const isFirst = entry.error?.message !== message;
  entry.error = error;
  if (error.kind === "credential_invalid") {
    entry.needsLogin = true;
    log.warn(`${nameOf(entry)} cannot be used before somebody signs in. ${message}`);
    const until = Number.POSITIVE_INFINITY;
    const reason = `${NEEDS_LOGIN}: ${message}`;
    credentials.rest(targetOf(entry), { state: "invalid", until, policy: POLICY, reason, kind: "dead" });
    return error;
  }
  entry.notBefore = error.retryAt ?? now + Math.min(LONGEST, FIRST * 2 ** entry.failures++);
  if (isFirst) log.warn(`${nameOf(entry)} has no new token yet. ${message}`);
  if (times.ends(entry.account.fields) <= now) {
    const seconds = Math.ceil((entry.notBefore - now) / 1000);
    const reason = `its token has ended and was not renewed (${error.kind}), ${seconds} s`;
    credentials.rest(targetOf(entry), {
      state: "cooling",
      until: entry.notBefore,
      policy: POLICY,
      reason,
      kind: "failing",
    });
  }
  return error;
}

/** What is not the server's is about the file, its folder, or the provider's code. */
function asProxyError(error: unknown, entry: Entry): ProxyError {
  if (ProxyError.is(error)) return error;
  const isAbort = error instanceof Error && error.name === "AbortError";
  const text = error instanceof Error ? error.message : String(error);
  return new ProxyError({
    kind: isAbort ? "aborted" : "upstream",
    scope: "credential",
    message: `${nameOf(entry)}: ${text}`,
    cause: error,
  });
}
