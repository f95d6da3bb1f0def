/** People as rows of the database and back. */
import type { SqlRow, SqlValue } from "waygate";
import type { Group, PersonLimits, Quota, QuotaUnit, QuotaUse, User, UserKind } from "./people.ts";

export const userColumns: readonly string[] = [
  ...["id", "kind", "name", "note", "token_hash", "token_hint", "group_id", "models", "credentials", "limits"],
  ...["max_ips", "ban_over_ips", "created_at", "last_used_at", "expires_at", "disabled_at", "disabled_reason"],
  "version",
];
export const groupColumns: readonly string[] = [
  ...["id", "name", "note", "models", "credentials", "limits", "created_at", "version"],
];
export const quotaColumns: readonly string[] = ["owner", "family", "unit", "period", "amount"];

export function userRow(user: User): SqlValue[] {
  return [
    ...[user.id, user.kind, user.name, user.note, user.tokenHash, user.tokenHint, user.group ?? null],
    ...[text(user.models), text(user.credentials), text(user.limits), user.maxIps ?? null, Number(user.banOverIps)],
    ...[user.createdAt, user.lastUsedAt ?? null, user.expiresAt ?? null],
    ...[user.disabledAt ?? null, user.disabledReason ?? null, user.version],
  ];
}

export function userOf(row: SqlRow): User {
  return {
    id: String(row["id"]),
    kind: String(row["kind"]) as UserKind,
    name: String(row["name"]),
    note: String(row["note"]),
    tokenHash: String(row["token_hash"]),
    tokenHint: String(row["token_hint"]),
    group: string(row["group_id"]),
    models: json<readonly string[]>(row["models"]),
    credentials: json<readonly string[]>(row["credentials"]),
    limits: json<PersonLimits>(row["limits"]),
    maxIps: number(row["max_ips"]),
    banOverIps: Number(row["ban_over_ips"]) === 1,
    createdAt: Number(row["created_at"]),
    lastUsedAt: number(row["last_used_at"]),
    expiresAt: number(row["expires_at"]),
    disabledAt: number(row["disabled_at"]),
    disabledReason: string(row["disabled_reason"]),
    version: Number(row["version"]),
  };
}

export function groupRow(group: Group): SqlValue[] {
  const { id, name, note, models, credentials, limits, createdAt, version } = group;
  return [id, name, note, text(models), text(credentials), text(limits), createdAt, version];
}

export function groupOf(row: SqlRow): Group {
  return {
    id: String(row["id"]),
    name: String(row["name"]),
    note: String(row["note"]),
    models: json<readonly string[]>(row["models"]),
    credentials: json<readonly string[]>(row["credentials"]),
    limits: json<PersonLimits>(row["limits"]),
    createdAt: Number(row["created_at"]),
    version: Number(row["version"]),
  };
}

export function quotaRow({ owner, family, unit, period, amount }: Quota): SqlValue[] {
  return [owner, family, unit, period, amount];
}

export function quotaOf(row: SqlRow): Quota {
  return { ...nameOf(row), amount: Number(row["amount"]) };
}

export function useOf(row: SqlRow): QuotaUse {
  return { ...nameOf(row), began: Number(row["began_at"]), used: Number(row["used"]) };
}

function nameOf(row: SqlRow): Omit<Quota, "amount"> {
  return {
    owner: String(row["owner"]),
    family: String(row["family"]),
    unit: String(row["unit"]) as QuotaUnit,
    period: String(row["period"]),
  };
}

function text(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function json<T>(value: SqlValue | undefined): T | undefined {
  return typeof value === "string" ? (JSON.parse(value) as T) : undefined;
}

function string(value: SqlValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function number(value: SqlValue | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
