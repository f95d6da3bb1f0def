/** Users, groups and what they may use. Times are epoch milliseconds. */
import type { Limits } from "waygate";

export const userKinds = ["normal", "special", "temporary"] as const;
/** `special` is exempt from quotas, limits and queues; `temporary` ends by itself. */
export type UserKind = (typeof userKinds)[number];

/** Requests and tokens per minute and day, and requests at once. */
export interface PersonLimits extends Limits {
  readonly concurrency?: number;
}

export interface User {
  readonly id: string;
  readonly kind: UserKind;
  /** The nickname, for people. */
  readonly name: string;
  readonly note: string;
  /** SHA-256 of the token, hexadecimal. */
  readonly tokenHash: string;
  readonly tokenHint: string;
  readonly group: string | undefined;
  /** Globs over model names; absent = those of the group, else all. */
  readonly models: readonly string[] | undefined;
  /** Globs over `provider/key`: the only keys that answer this user; absent = those of the group, else all. */
  readonly credentials: readonly string[] | undefined;
  readonly limits: PersonLimits | undefined;
  /** Addresses the token may come from; absent = any number. */
  readonly maxIps: number | undefined;
  /** One address too many disables the user, in place of refusing the address. */
  readonly banOverIps: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly disabledAt: number | undefined;
  readonly disabledReason: string | undefined;
  /** Goes up with every edit. */
  readonly version: number;
}

/** People who share budgets and lists. */
export interface Group {
  readonly id: string;
  readonly name: string;
  readonly note: string;
  readonly models: readonly string[] | undefined;
  readonly credentials: readonly string[] | undefined;
  /** Of all its users together. */
  readonly limits: PersonLimits | undefined;
  readonly createdAt: number;
  readonly version: number;
}

export const quotaUnits = ["tokens", "requests", "cost"] as const;
export type QuotaUnit = (typeof quotaUnits)[number];

/** A budget of a user or a group. */
export interface QuotaInput {
  /** A glob over model names. Default `*`. */
  readonly family?: string;
  readonly unit: QuotaUnit;
  /** `hourly`, `daily`, `monthly`, `total`, or a cron expression for when it begins anew. */
  readonly period: string;
  /** US dollars for `cost`. */
  readonly amount: number;
}

export interface Quota extends Required<QuotaInput> {
  /** `user:ID` or `group:ID`. */
  readonly owner: string;
}

/** What is used of a quota since `began`. */
export interface QuotaUse extends Omit<Quota, "amount"> {
  readonly began: number;
  readonly used: number;
}

export function ownerOf(kind: "user" | "group", id: string): string {
  return `${kind}:${id}`;
}

/** A quota without its amount; `key` where it has been made already. */
export interface QuotaName extends Omit<Quota, "amount"> {
  readonly key?: string;
}

/** One quota, or its use, among all. */
export function quotaKey({ key, owner, family, unit, period }: QuotaName): string {
  return key ?? `${owner}\0${family}\0${unit}\0${period}`;
}
