/** People as the admin API shows them. Times are ISO 8601, and nothing of it opens anything. */
import { type Group, ownerOf, type Quota, quotaKey, type QuotaUse, type User } from "./people.ts";
import type { Periods } from "./periods.ts";
import { NEVER } from "./periods.ts";

export interface QuotaDocument extends Omit<Quota, "owner"> {
  readonly used: number;
  readonly began_at: string | null;
  readonly resets_at: string | null;
}

export interface UserDocument {
  readonly id: string;
  readonly kind: User["kind"];
  readonly name: string;
  readonly note: string;
  readonly state: "active" | "disabled" | "expired";
  readonly token_hint: string;
  readonly group: string | null;
  readonly models: readonly string[] | null;
  readonly credentials: readonly string[] | null;
  readonly limits: User["limits"] | null;
  readonly max_ips: number | null;
  readonly ban_over_ips: boolean;
  /** Addresses the token has come from; counted only where `max_ips` is set. */
  readonly ips: number;
  readonly created_at: string;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
  readonly disabled_at: string | null;
  readonly disabled_reason: string | null;
  readonly version: number;
  readonly quotas: readonly QuotaDocument[];
}

export interface GroupDocument {
  readonly id: string;
  readonly name: string;
  readonly note: string;
  readonly models: readonly string[] | null;
  readonly credentials: readonly string[] | null;
  readonly limits: Group["limits"] | null;
  readonly users: number;
  readonly created_at: string;
  readonly version: number;
  readonly quotas: readonly QuotaDocument[];
}

export interface Seen {
  readonly now: number;
  readonly periods: Periods;
  readonly quotas: (owner: string) => readonly Quota[];
  /** By `quotaKey`. */
  readonly uses: ReadonlyMap<string, QuotaUse>;
}

export function stateOf({ disabledAt, expiresAt }: User, now: number): UserDocument["state"] {
  if (disabledAt !== undefined) return "disabled";
  return expiresAt !== undefined && expiresAt <= now ? "expired" : "active";
}

export function userDocument(user: User, seen: Seen, ips: number): UserDocument {
  return {
    id: user.id,
    kind: user.kind,
    name: user.name,
    note: user.note,
    state: stateOf(user, seen.now),
    token_hint: user.tokenHint,
    group: user.group ?? null,
    models: user.models ?? null,
    credentials: user.credentials ?? null,
    limits: user.limits ?? null,
    max_ips: user.maxIps ?? null,
    ban_over_ips: user.banOverIps,
    ips,
    created_at: iso(user.createdAt)!,
    last_used_at: iso(user.lastUsedAt),
    expires_at: iso(user.expiresAt),
    disabled_at: iso(user.disabledAt),
    disabled_reason: user.disabledReason ?? null,
    version: user.version,
    quotas: quotasOf(ownerOf("user", user.id), seen),
  };
}

export function groupDocument(group: Group, seen: Seen, users: number): GroupDocument {
  const { id, name, note, models = null, credentials = null, limits = null, createdAt, version } = group;
  const quotas = quotasOf(ownerOf("group", id), seen);
  return { id, name, note, models, credentials, limits, users, created_at: iso(createdAt)!, version, quotas };
}

function quotasOf(owner: string, { now, periods, quotas, uses }: Seen): QuotaDocument[] {
  return quotas(owner).map((quota) => {
    const { family, unit, period, amount } = quota;
    const span = periods.at(period, now);
    const use = uses.get(quotaKey(quota));
    const isNow = use !== undefined && use.began >= span.from && use.began < span.until;
    const began = isNow ? use.began : span.from;
    return {
      ...{ family, unit, period, amount },
      used: isNow ? Number(use.used.toPrecision(12)) : 0,
      began_at: began === 0 ? null : iso(began),
      resets_at: span.until === NEVER ? null : iso(span.until),
    };
  });
}

function iso(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString();
}
