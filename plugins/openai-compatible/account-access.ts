/** How a provider whose credentials are accounts gets at the keys of its requests. */
import type { ApiKey, Attempt, Credential, MaybePromise } from "waygate";

/** Both answer `undefined` for a credential that is a key itself. */
export interface AccountAccess {
  /** For a request. Rejects with a `ProxyError`. */
  keyFor(attempt: Attempt): MaybePromise<ApiKey> | undefined;
  /** For calls that are no client's. Rejects with a `ProxyError`. */
  lastingKey(credential: Credential, signal: AbortSignal): Promise<ApiKey | undefined>;
}
