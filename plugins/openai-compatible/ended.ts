/** Credentials that no time and no new token brings back. */
import type { Attempt, ProxyError } from "waygate";

/** Until somebody signs in again, or wakes it by hand. */
export function letRestForGood(error: ProxyError, { provider, credential, ctx }: Attempt): void {
  const { credentials, log } = ctx.app;
  const target = { provider: provider.name, credential: credential.id };
  if (credentials.restOf(target)?.policy === provider.name) return;
  const reason = error.message;
  const until = Number.POSITIVE_INFINITY;
  credentials.rest(target, { state: "invalid", until, policy: provider.name, reason, kind: "dead" });
  log.warn(`${provider.name}: ${credential.label ?? credential.id} is not asked any more. ${reason}`);
}
