/** New secret data for credentials, once for all who ask at the same time. */
import { ProxyError } from "../failure/error.ts";
import type { Credential, Provider } from "../plugin/provider.ts";
import { renewCredential } from "./keys.ts";

export interface RefreshingInit {
  readonly provider: (name: string) => Provider | undefined;
  /** The credential as it is now; `undefined` once it has been removed. */
  readonly get: (id: string) => Credential | undefined;
  readonly replace: (credential: Credential) => void;
}

/** Milliseconds a provider has for it. */
const LIMIT = 30_000;

export function createRefreshing({
  provider,
  get,
  replace,
}: RefreshingInit): (credential: Credential) => Promise<Credential> {
  const running = new Map<string, Promise<Credential>>();
  return (credential) => {
    const started = running.get(credential.id);
    if (started) return started;
    const owner = provider(credential.provider);
    if (!owner?.refresh) return Promise.resolve(credential);
    const refreshing = owner
      .refresh(credential, AbortSignal.timeout(LIMIT))
      .then((data) => {
        const known = get(credential.id);
        if (known === undefined) {
          throw new ProxyError({
            kind: "credential_invalid",
            message: "The credential was removed while it was refreshed.",
          });
        }
        const fresh = renewCredential(known, data);
        replace(fresh);
        return fresh;
      })
      .finally(() => running.delete(credential.id));
    running.set(credential.id, refreshing);
    return refreshing;
  };
}
