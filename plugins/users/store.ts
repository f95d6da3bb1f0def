/** Everything that is asked of the database about people. Every edit leaves a row in `audit`, which other workers follow. */
import type { Database, DatabaseChange, SqlValue } from "waygate";
import type { Group, Quota, QuotaUse, User } from "./people.ts";
import {
  groupColumns,
  groupOf,
  groupRow,
  quotaColumns,
  quotaOf,
  quotaRow,
  useOf,
  userColumns,
  userOf,
  userRow,
} from "./rows.ts";

/** What somebody did, for the audit: never a token. */
export interface Act {
  readonly actor: string;
  readonly action: string;
  /** `user:ID`, `group:ID`, or `people` for many. */
  readonly subject: string;
  readonly detail?: object;
}

export interface Known {
  readonly users: readonly User[];
  readonly groups: readonly Group[];
  readonly quotas: readonly Quota[];
  readonly uses: readonly QuotaUse[];
  readonly addresses: readonly { readonly user: string; readonly ip: string }[];
}

export interface PeopleStore {
  /** All, or what there is of some `user:ID` and `group:ID`. */
  load(subjects?: readonly string[]): Promise<Known>;
  uses(owners: readonly string[]): Promise<readonly QuotaUse[]>;
  /** Addresses seen first since then. */
  addresses(since: number): Promise<Known["addresses"]>;
  /** Rows of the audit about people behind an id. */
  edits(after: number): Promise<readonly { readonly id: number; readonly subject: string }[]>;
  lastEdit(): Promise<number>;
  /** False when the rows are not as they were. Rejects with a `DatabaseError`. */
  change(changes: readonly DatabaseChange[], act: Act): Promise<boolean>;
}

/** Of what is there already nothing is changed. */
export const insertUser: string = `${insert("users", userColumns)} ON CONFLICT DO NOTHING`;
export const insertGroup: string = `${insert("user_groups", groupColumns)} ON CONFLICT DO NOTHING`;
export const insertQuota: string = `${insert("quotas", quotaColumns)} ON CONFLICT DO NOTHING`;

const settable = (columns: readonly string[]): string[] =>
  columns.filter((name) => !["id", "created_at", "last_used_at"].includes(name));
const update = (table: string, columns: readonly string[]): string =>
  `UPDATE ${table} SET ${settable(columns)
    .map((name) => `${name} = ?`)
    .join(", ")} WHERE id = ? AND version = ?`;
const updateUser = update("users", userColumns);
const updateGroup = update("user_groups", groupColumns);

/** Of the version before. */
export function userUpdated(user: User): DatabaseChange {
  return { sql: updateUser, values: valuesOf(userColumns, userRow(user), user), expect: 1 };
}

export function groupUpdated(group: Group): DatabaseChange {
  return { sql: updateGroup, values: valuesOf(groupColumns, groupRow(group), group), expect: 1 };
}

function valuesOf(
  columns: readonly string[],
  row: readonly SqlValue[],
  { id, version }: { readonly id: string; readonly version: number },
): SqlValue[] {
  const all = settable(columns).map((name) => row[columns.indexOf(name)]!);
  return [...all, id, version - 1];
}

/** In place of what the owner had. What has been used stays. */
export function quotasReplaced(owner: string, quotas: readonly Quota[]): DatabaseChange[] {
  return [
    { sql: "DELETE FROM quotas WHERE owner = ?", values: [owner] },
    ...quotas.map((quota) => ({ sql: insertQuota, values: quotaRow(quota) })),
  ];
}

/** Everything but the ledger, which keeps what was. */
export function removed(kind: "user" | "group", id: string): DatabaseChange[] {
  const owner = `${kind}:${id}`;
  const forget = ["quotas", "quota_use"].map((table) => ({
    sql: `DELETE FROM ${table} WHERE owner = ?`,
    values: [owner],
  }));
  if (kind === "group") {
    return [
      { sql: "DELETE FROM user_groups WHERE id = ?", values: [id], expect: 1 },
      { sql: "UPDATE users SET group_id = NULL, version = version + 1 WHERE group_id = ?", values: [id] },
      ...forget,
    ];
  }
  return [
    { sql: "DELETE FROM users WHERE id = ?", values: [id], expect: 1 },
    { sql: "DELETE FROM user_ips WHERE user_id = ?", values: [id] },
    ...forget,
  ];
}

const RESET = `INSERT INTO quota_use (owner, family, unit, period, began_at, used) VALUES (?, ?, ?, ?, ?, 0)
  ON CONFLICT (owner, family, unit, period) DO UPDATE SET began_at = excluded.began_at, used = 0`;

/** From `now` on nothing of them is used. */
export function quotasRefreshed(quotas: readonly Quota[], now: number): DatabaseChange[] {
  return quotas.map(({ owner, family, unit, period }) => ({ sql: RESET, values: [owner, family, unit, period, now] }));
}

/** Owners asked for in one statement. */
const SOME = 200;

export function peopleStore(database: Database, now: () => number): PeopleStore {
  const all = async <T>(sql: string, column: string, ids: readonly string[] | undefined, of: (row: never) => T) => {
    if (ids === undefined) return (await database.read(`${sql} LIMIT 1000000`)).map((row) => of(row as never));
    const found: T[] = [];
    for (let at = 0; at < ids.length; at += SOME) {
      const some = ids.slice(at, at + SOME);
      const where = `${column} IN (${some.map(() => "?").join(", ")})`;
      for (const row of await database.read(`${sql} WHERE ${where} LIMIT 1000000`, ...some))
        found.push(of(row as never));
    }
    return found;
  };
  const uses = (owners?: readonly string[]): Promise<QuotaUse[]> =>
    all("SELECT * FROM quota_use", "owner", owners, useOf);
  return {
    uses,
    async load(subjects) {
      const named = (kind: string): string[] | undefined =>
        subjects?.filter((each) => each.startsWith(kind)).map((each) => each.slice(kind.length));
      const users = await all("SELECT * FROM users", "id", named("user:"), userOf);
      return {
        users: users.toSorted((a, b) => a.createdAt - b.createdAt),
        groups: await all("SELECT * FROM user_groups", "id", named("group:"), groupOf),
        quotas: await all("SELECT * FROM quotas", "owner", subjects, quotaOf),
        uses: await uses(subjects),
        addresses: await all("SELECT user_id, ip FROM user_ips", "user_id", named("user:"), addressOf),
      };
    },
    addresses: async (since) =>
      (await database.read("SELECT user_id, ip FROM user_ips WHERE first_at >= ? LIMIT 10000", since)).map((row) =>
        addressOf(row as never),
      ),
    async edits(after) {
      const rows = await database.read("SELECT id, subject FROM audit WHERE id > ? ORDER BY id LIMIT 1000", after);
      return rows.map(({ id, subject }) => ({ id: Number(id), subject: String(subject) }));
    },
    async lastEdit() {
      const [row] = await database.read("SELECT max(id) AS id FROM audit");
      return Number(row?.["id"] ?? 0);
    },
    async change(changes, { actor, action, subject, detail = {} }) {
      const audit = {
        sql: "INSERT INTO audit (at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?)",
        values: [now(), actor, action, subject, JSON.stringify(detail)],
      };
      return "changed" in (await database.change([...changes, audit]));
    },
  };
}

function addressOf(row: { readonly user_id: string; readonly ip: string }): Known["addresses"][number] {
  return { user: row.user_id, ip: row.ip };
}

function insert(table: string, columns: readonly string[]): string {
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
}
