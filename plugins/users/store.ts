/** Everything that is asked of the database about people. Every edit leaves a row in `audit`, which other workers follow. */
import type { Compilable } from "kysely";
import { type Database, type DatabaseChange, prepared, type QueryBuilder } from "waygate";
import type { Group, Quota, QuotaUse, User } from "./people.ts";
import { groupOf, quotaOf, useOf, userOf } from "./rows.ts";

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

/** Owners asked for in one statement. */
const SOME = 200;
/** Rows of an answer. */
const MOST = 1_000_000;

export function peopleStore(database: Database, builder: QueryBuilder, now: () => number): PeopleStore {
  const editsBehind = prepared(({ id }: { readonly id: number }) =>
    builder.selectFrom("audit").select(["id", "subject"]).where("id", ">", id).orderBy("id").limit(1000),
  );
  const seenSince = prepared(({ time }: { readonly time: number }) =>
    builder.selectFrom("user_ips").select(["user_id", "ip"]).where("first_at", ">=", time).limit(10_000),
  );
  const audit = prepared((row: { at: number; actor: string; action: string; subject: string; detail: string }) =>
    builder
      .insertInto("audit")
      .values({ at: row.at, actor: row.actor, action: row.action, subject: row.subject, detail: row.detail }),
  );
  /** Of all, or of some at a time. */
  const all = async <Row>(
    ids: readonly string[] | undefined,
    query: Compilable<Row>,
    of: (some: readonly string[]) => Compilable<Row>,
  ): Promise<readonly Row[]> => {
    if (ids === undefined) return database.read(query);
    const found: Row[] = [];
    for (let at = 0; at < ids.length; at += SOME) found.push(...(await database.read(of(ids.slice(at, at + SOME)))));
    return found;
  };
  const uses = async (owners?: readonly string[]): Promise<readonly QuotaUse[]> => {
    const query = builder.selectFrom("quota_use").selectAll().limit(MOST);
    return (await all(owners, query, (some) => query.where("owner", "in", some))).map(useOf);
  };
  return {
    uses,
    async load(subjects) {
      const named = (kind: string): string[] | undefined =>
        subjects?.filter((each) => each.startsWith(kind)).map((each) => each.slice(kind.length));
      const people = builder.selectFrom("users").selectAll().limit(MOST);
      const users = await all(named("user:"), people, (some) => people.where("id", "in", some));
      const shared = builder.selectFrom("user_groups").selectAll().limit(MOST);
      const groups = await all(named("group:"), shared, (some) => shared.where("id", "in", some));
      const owned = builder.selectFrom("quotas").selectAll().limit(MOST);
      const quotas = await all(subjects, owned, (some) => owned.where("owner", "in", some));
      const seen = builder.selectFrom("user_ips").select(["user_id", "ip"]).limit(MOST);
      const addresses = await all(named("user:"), seen, (some) => seen.where("user_id", "in", some));
      return {
        users: users.map(userOf).toSorted((a, b) => a.createdAt - b.createdAt),
        groups: groups.map(groupOf),
        quotas: quotas.map(quotaOf),
        uses: await uses(subjects),
        addresses: addresses.map(addressOf),
      };
    },
    addresses: async (since) => (await database.read(seenSince.with({ time: since }))).map(addressOf),
    edits: (after) => database.read(editsBehind.with({ id: after })),
    async lastEdit() {
      const last = builder.selectFrom("audit").select(({ fn }) => fn.max<number | null>("id").as("id"));
      const [row] = await database.read(last);
      return row?.id ?? 0;
    },
    async change(changes, { actor, action, subject, detail = {} }) {
      const act = audit.with({ at: now(), actor, action, subject, detail: JSON.stringify(detail) });
      return "changed" in (await database.change([...changes, act]));
    },
  };
}

function addressOf(row: { readonly user_id: string; readonly ip: string }): Known["addresses"][number] {
  return { user: row.user_id, ip: row.ip };
}
