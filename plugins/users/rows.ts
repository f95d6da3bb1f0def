/** People as rows of the database and back. */
import type { Selectable } from "kysely";
import type { DatabaseTables } from "waygate";
import type { Group, PersonLimits, Quota, QuotaUnit, QuotaUse, User, UserKind } from "./people.ts";

export type UserRow = Selectable<DatabaseTables["users"]>;
export type GroupRow = Selectable<DatabaseTables["user_groups"]>;
export type QuotaRow = Selectable<DatabaseTables["quotas"]>;
export type UseRow = Selectable<DatabaseTables["quota_use"]>;

export function userRow(user: User): UserRow {
  return {
    id: user.id,
    kind: user.kind,
    name: user.name,
    note: user.note,
    token_hash: user.tokenHash,
    token_hint: user.tokenHint,
    group_id: user.group ?? null,
    models: text(user.models),
    credentials: text(user.credentials),
    limits: text(user.limits),
    max_ips: user.maxIps ?? null,
    ban_over_ips: Number(user.banOverIps),
    created_at: user.createdAt,
    last_used_at: user.lastUsedAt ?? null,
    expires_at: user.expiresAt ?? null,
    disabled_at: user.disabledAt ?? null,
    disabled_reason: user.disabledReason ?? null,
    version: user.version,
  };
}

export function userOf(row: UserRow): User {
  return {
    id: row.id,
    kind: row.kind as UserKind,
    name: row.name,
    note: row.note,
    tokenHash: row.token_hash,
    tokenHint: row.token_hint,
    group: row.group_id ?? undefined,
    models: json<readonly string[]>(row.models),
    credentials: json<readonly string[]>(row.credentials),
    limits: json<PersonLimits>(row.limits),
    maxIps: row.max_ips ?? undefined,
    banOverIps: row.ban_over_ips === 1,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    disabledAt: row.disabled_at ?? undefined,
    disabledReason: row.disabled_reason ?? undefined,
    version: row.version,
  };
}

export function groupRow(group: Group): GroupRow {
  const { id, name, note, models, credentials, limits, createdAt, version } = group;
  return {
    ...{ id, name, note, models: text(models), credentials: text(credentials), limits: text(limits) },
    ...{ created_at: createdAt, version },
  };
}

export function groupOf(row: GroupRow): Group {
  const { id, name, note, models, credentials, limits, created_at, version } = row;
  return {
    ...{ id, name, note, createdAt: created_at, version },
    models: json<readonly string[]>(models),
    credentials: json<readonly string[]>(credentials),
    limits: json<PersonLimits>(limits),
  };
}

export function quotaRow({ owner, family, unit, period, amount }: Quota): QuotaRow {
  return { owner, family, unit, period, amount };
}

export function quotaOf({ owner, family, unit, period, amount }: QuotaRow): Quota {
  return { owner, family, unit: unit as QuotaUnit, period, amount };
}

export function useOf({ owner, family, unit, period, began_at, used }: UseRow): QuotaUse {
  return { owner, family, unit: unit as QuotaUnit, period, began: began_at, used };
}

function text(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function json<T>(value: string | null): T | undefined {
  return value === null ? undefined : (JSON.parse(value) as T);
}
