/** One account in use: its tokens, and when they are due. */
import { createHash } from "node:crypto";
import {
  type AccountFields,
  type AccountKind,
  type Credential,
  defineCredential,
  emailOf,
  expiryOf,
  type ProxyError,
  type RestTarget,
  type StoredAccount,
} from "waygate";
import type { Account, AccountHolderOptions } from "./holder-types.ts";

export interface Entry {
  readonly id: string;
  /** In [0, 1): accounts that were signed in to together are not renewed together. */
  readonly dice: number;
  /** As its place held it when it was last looked at. */
  stored: StoredAccount;
  /** As it is used. */
  account: Account;
  /** Epoch milliseconds when this token came; `undefined`: it was there when the proxy started. */
  since: number | undefined;
  running: Promise<void> | undefined;
  /** Refreshes that have failed in a row. */
  failures: number;
  /** Epoch milliseconds before which no refresh is tried. */
  notBefore: number;
  /** Of the last refresh, while it counts. */
  error: ProxyError | undefined;
  needsLogin: boolean;
  /** Its place holds older tokens than are in use. */
  isUnsaved: boolean;
}

const MINUTE = 60_000;

export function newEntry(kind: AccountKind, stored: StoredAccount, dice: number): Entry {
  return {
    id: idOf(kind, stored),
    dice,
    stored,
    account: { fields: stored.fields },
    since: undefined,
    running: undefined,
    failures: 0,
    notBefore: 0,
    error: undefined,
    needsLogin: false,
    isUnsaved: false,
  };
}

/** Where an account comes from: the same after every change of it. */
export function placeOf({ origin }: StoredAccount): string {
  return origin.kind === "file" ? origin.path : origin.prefix;
}

/** A refresh token is no identity here: it may change with every refresh. */
export function idOf(kind: AccountKind, stored: StoredAccount): string {
  const identity = kind.identify(stored.fields)?.trim().toLowerCase() || placeOf(stored);
  return `${kind.provider}:${createHash("sha256").update(identity).digest("hex").slice(0, 12)}`;
}

export function nameOf({ stored }: Entry): string {
  return `The account ${stored.name} of ${stored.provider}`;
}

export function targetOf({ id, stored }: Entry): RestTarget {
  return { provider: stored.provider, credential: id };
}

export function credentialOf({ id, stored, account }: Entry, options: AccountHolderOptions): Credential<Account> {
  const { fields } = account;
  const { limits } = options;
  const priority = options.priority?.(fields);
  const concurrency = typeof options.concurrency === "function" ? options.concurrency(fields) : options.concurrency;
  return defineCredential(
    {
      id,
      provider: stored.provider,
      label: emailOf(fields) ?? stored.name,
      ...(priority !== undefined && { priority }),
      ...(concurrency !== undefined && { concurrency }),
      ...(limits && { limits }),
    },
    account,
  );
}

export function hasSameTokens(one: AccountFields, other: AccountFields): boolean {
  return one["access_token"] === other["access_token"] && one["refresh_token"] === other["refresh_token"];
}

export interface Times {
  /** Epoch milliseconds at which the access ends. */
  ends(fields: AccountFields): number;
  /** Epoch milliseconds from which on the token is to be renewed in the background. */
  due(entry: Entry): number;
  /** True when a request may use the token without asking for a new one. */
  lasts(entry: Entry, now: number): boolean;
}

export function timesOf(kind: AccountKind, options: AccountHolderOptions): Times {
  const { refreshAhead = 30 * MINUTE, hardLimit = 5 * MINUTE } = options;
  const ends = (fields: AccountFields): number => expiryOf(kind, fields) ?? Number.POSITIVE_INFINITY;
  // A token that lasts for minutes only would else be due from its first moment on.
  const shorter = ({ since, account }: Entry, usual: number, part: number): number =>
    since === undefined ? usual : Math.min(usual, Math.max(0, ends(account.fields) - since) * part);
  return {
    ends,
    due: (entry) => ends(entry.account.fields) - shorter(entry, refreshAhead, 0.5) * (1 - entry.dice * 0.2),
    lasts: (entry, now) => ends(entry.account.fields) - now > shorter(entry, hardLimit, 0.25),
  };
}
