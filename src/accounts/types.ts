/** Accounts that people sign in to: what those who sign in, keep, refresh and show them agree on. */
import type { Json } from "../protocols/canonical.ts";
import type { Clock } from "../runtime.ts";

/**
 * What is kept of an account, as its file holds it: `access_token`, `refresh_token`, `expiry_date` (epoch milliseconds) and
 * whatever else the provider needs. Fields nobody here knows are kept as they came. Secret as a whole.
 */
export interface AccountFields {
  readonly [name: string]: Json;
}

/** Where an account is kept. What comes from the environment is refreshed in memory only. */
export type AccountOrigin =
  | { readonly kind: "file"; readonly path: string }
  /** `prefix` is that of its variables: `GEMINI_CLI_1`. */
  | { readonly kind: "environment"; readonly prefix: string };

export interface StoredAccount {
  readonly provider: string;
  readonly origin: AccountOrigin;
  readonly fields: AccountFields;
  /** A name for people and for `--account`: the file's without its ending, or `env-1`. */
  readonly name: string;
}

/** A file that is there and cannot be used. It is left as it is. */
export interface BrokenAccount {
  readonly provider: string;
  readonly path: string;
  /** For people, without secrets. */
  readonly why: string;
  readonly fix: string;
}

/** What code for accounts may use. */
export interface AccountContext {
  readonly signal: AbortSignal;
  /** Through the outbound proxy that the config or the environment names, as requests to the provider go. */
  readonly fetch: typeof fetch;
  /** Epoch milliseconds. */
  now(): number;
  /** For pauses. Default: timers of the machine that keep the process alive. */
  readonly clock?: Clock;
  /** For people, without secrets. */
  warn(message: string): void;
}

/** The person who signs in: a terminal, a test, later a web page. */
export interface LoginPerson extends AccountContext {
  /** Shows an address to open, and where the provider has one a code to type there. */
  show(step: { readonly text: string; readonly url?: string; readonly code?: string }): void;
  /** Opens a browser where there is one; otherwise does nothing. */
  open(url: string): void;
  /**
   * Waits for text that the person pastes; rejects when the signal is aborted. `undefined` where nobody can be asked
   * (then only a callback can end the flow).
   */
  readonly ask?: (question: string, signal: AbortSignal) => Promise<string>;
  /** True where no browser on this machine can reach this process: a code or an address is pasted then. */
  readonly headless: boolean;
  /** The port of the callback, in place of the provider's usual one. */
  readonly port?: number;
  /** The e-mail address of the account that is meant, for a hint to the provider. Another one may sign in all the same. */
  readonly account?: string;
}

/** What an account looks like to its provider, for `credentials check` and the list; without secrets. */
export interface AccountFacts {
  readonly email?: string;
  /** The provider's own word for the plan. */
  readonly tier?: string;
  readonly project?: string;
  /** Further lines for people. */
  readonly notes?: readonly string[];
}

/** One variable of an account in the environment: `suffix` after the prefix and the number, `field` in the file. */
export interface AccountVariable {
  readonly suffix: string;
  /** A path with dots: `_proxy_metadata.email`. */
  readonly field: string;
  /** An account exists when all the required ones are set. */
  readonly required?: boolean;
  readonly number?: boolean;
}

/** How accounts of one provider are signed in to, told apart, refreshed and looked at. */
export interface AccountKind {
  /** The provider's id: `gemini_cli`. */
  readonly provider: string;
  /** For people: `Gemini CLI`. */
  readonly title: string;
  /** What the user risks by using it, in one line; printed once at start and before a login. */
  readonly risk: string;
  /** Of its environment variables: `GEMINI_CLI`. */
  readonly prefix: string;
  readonly variables: readonly AccountVariable[];
  /** Files of the provider's own tool, relative to the home folder: `.gemini/oauth_creds.json`. */
  readonly officialFiles: readonly string[];
  /** URL of an outbound HTTP proxy for what concerns its accounts. Default: as the environment says. */
  readonly proxy?: string;
  /** The same for two files of one account: an e-mail address, else something that no refresh changes. */
  identify(fields: AccountFields): string | undefined;
  /**
   * Puts the fields of other tools' files into ours; `undefined` when they are no account of this provider. Unknown
   * fields are kept.
   */
  adopt(fields: AccountFields): AccountFields | undefined;
  /** Signs in. Rejects with an error that names the place, the cause and the fix. */
  login(person: LoginPerson): Promise<AccountFields>;
  /**
   * New tokens; the fields returned are saved before anybody uses them. Rejects with a `ProxyError` of kind
   * `credential_invalid` when only a login helps, and with another kind when a later try may.
   */
  refresh(fields: AccountFields, context: AccountContext): Promise<AccountFields>;
  /** Epoch milliseconds at which the access ends; `undefined`: never. Default: `expiry_date`. */
  expiresAt?(fields: AccountFields): number | undefined;
  /** Asks the provider about the account. Rejects like `refresh`. */
  check(fields: AccountFields, context: AccountContext): Promise<AccountFacts>;
}
