/** Accounts as credentials of a running proxy: what a provider plugin gets and gives. */
import type {
  AccountContext,
  AccountFields,
  AccountKind,
  AccountStore,
  App,
  Attempt,
  Credential,
  Limits,
  MaybePromise,
} from "waygate";

/** The secret data of a credential that is an account. */
export interface Account {
  readonly fields: AccountFields;
}

/** As much of a store as accounts in use need. */
export type Keeping = Pick<AccountStore, "list" | "update" | "watched">;

export interface AccountHolderOptions {
  /** Milliseconds before its end at which a token is renewed in the background. Default 30 min. */
  readonly refreshAhead?: number;
  /** Milliseconds before its end from which on a token is used no more. Default 5 min. */
  readonly hardLimit?: number;
  /** Seconds between two rounds in the background at most. Default 600. */
  readonly refreshInterval?: number;
  /** False: nothing is renewed at the start of the proxy; the first round comes after `refreshInterval`. Default true. */
  readonly startCheck?: boolean;
  /** 1 is best. */
  readonly priority?: (fields: AccountFields) => number | undefined;
  /** Requests in flight at most. */
  readonly concurrency?: number | ((fields: AccountFields) => number | undefined);
  readonly limits?: Limits;
  /** URL of an outbound HTTP proxy for everything that concerns these accounts. Default: as the environment says. */
  readonly proxy?: string;
  /** Where the accounts are kept. Default: the store of the proxy's data folder. */
  readonly store?: Keeping | ((app: App) => Keeping);
}

/** Those that users of a provider may state of its accounts, besides what they may state of any provider. */
export type AccountOptions = Pick<
  AccountHolderOptions,
  "refreshAhead" | "hardLimit" | "refreshInterval" | "startCheck" | "store"
>;

type Stated = AccountOptions & Pick<AccountHolderOptions, "concurrency" | "limits" | "proxy">;

/** What of a provider's options is its accounts'. */
export function accountOptions(options: Stated): Stated {
  const { refreshAhead, hardLimit, refreshInterval, startCheck, store, concurrency, limits, proxy } = options;
  return { refreshAhead, hardLimit, refreshInterval, startCheck, store, concurrency, limits, proxy };
}

/** The parts of a provider plugin that have to do with accounts. The same holder may serve several proxies. */
export interface AccountHolder {
  readonly accounts: readonly [AccountKind];
  setup(app: App): Promise<void>;
  ready(app: App): void;
  /** Lets refreshes under way end, so that no new refresh token is lost. */
  close(app: App): Promise<void>;
  /** New tokens for a credential the upstream refused: the provider's `refresh`. */
  refresh(credential: Credential<Account>, signal: AbortSignal): Promise<Account>;
  /**
   * The account with a token that lasts, for `prepare`: at once when more than the hard limit is left, else after a
   * refresh. Rejects with a `ProxyError`.
   */
  fresh(attempt: Attempt<Account>): MaybePromise<AccountFields>;
  /** The same where there is no request: for lists of models, quotas and the like. */
  current(credential: Credential<Account>, signal: AbortSignal): MaybePromise<AccountFields>;
  /** For further calls that concern accounts: through the same outbound proxy, by the proxy's clock. */
  context(app: App, signal: AbortSignal): AccountContext;
  /** Keeps what has been learnt of an account, a project for one. Only what `change` changes is changed. */
  save(app: App, credential: Credential, change: (fields: AccountFields) => AccountFields): Promise<void>;
}
