/** What a key is asked for to see whether it works, and the rests that an answer speaks against. */
import { ProxyError } from "../failure/error.ts";
import type { Credential, Provider } from "../plugin/provider.ts";
import type { Credentials, Probed, ProbeOptions, Rest } from "./credentials.ts";

/** The models that a provider lists for a key. */
export async function listOf(
  provider: Provider | undefined,
  credential: Credential,
  { signal = new AbortController().signal }: ProbeOptions,
): Promise<Probed> {
  if (provider?.discover) return { by: "list", models: await provider.discover(credential, signal) };
  const why = `${credential.provider} has no list of models`;
  throw new ProxyError({ kind: "no_candidate", message: `The key cannot be probed: ${why}.` });
}

/**
 * The key's own rest, and those of the models that were listed or have answered. A list says nothing about limits and
 * quotas, and what somebody has disabled is not for a probe to enable.
 */
export function wakeShown(credentials: Credentials, { id }: Credential, { by, models }: Probed): void {
  for (const { target, rest } of credentials.rests()) {
    if (target.credential !== id || rest.state === "disabled") continue;
    if (by === "list" && isLimit(rest)) continue;
    if (target.model === undefined || models.includes(target.model)) credentials.wake(target);
  }
}

function isLimit({ kind }: Rest): boolean {
  return kind === "rate_limited" || kind === "quota_exhausted";
}
