/** What is written about people, put together once per proxy: edits and requests only bring values. */
import { compiled, type DatabaseChange, prepared, type QueryBuilder, type Statement } from "waygate";
import type { Group, Quota, User } from "./people.ts";
import { type GroupRow, groupRow, type QuotaRow, quotaRow, type UserRow, userRow } from "./rows.ts";

export interface PeopleStatements {
  /** Of what is there already nothing is changed. */
  readonly insertUser: Statement<UserRow>;
  readonly insertGroup: Statement<GroupRow>;
  readonly insertQuota: Statement<QuotaRow>;
  /** Of the version before. */
  userUpdated(user: User): DatabaseChange;
  groupUpdated(group: Group): DatabaseChange;
  /** In place of what the owner had. What has been used stays. */
  quotasReplaced(owner: string, quotas: readonly Quota[]): DatabaseChange[];
  /** From `now` on nothing of them is used. */
  quotasRefreshed(quotas: readonly Quota[], now: number): DatabaseChange[];
  /** Everything but the ledger, which keeps what was. */
  removed(kind: "user" | "group", id: string): DatabaseChange[];
  readonly forgetAddresses: Statement<{ readonly user: string }>;
}

const userFields = [
  ...(["kind", "name", "note", "token_hash", "token_hint", "group_id", "models", "credentials", "limits"] as const),
  ...(["max_ips", "ban_over_ips", "expires_at", "disabled_at", "disabled_reason", "version"] as const),
] as const;
const groupFields = ["name", "note", "models", "credentials", "limits", "version"] as const;
const quotaFields = ["owner", "family", "unit", "period", "amount"] as const;

export function peopleStatements(builder: QueryBuilder): PeopleStatements {
  const insertUser = prepared((row: UserRow) =>
    builder
      .insertInto("users")
      .values(some(row, ["id", ...userFields, "created_at", "last_used_at"]))
      .onConflict((conflict) => conflict.doNothing()),
  );
  const insertGroup = prepared((row: GroupRow) =>
    builder
      .insertInto("user_groups")
      .values(some(row, ["id", ...groupFields, "created_at"]))
      .onConflict((conflict) => conflict.doNothing()),
  );
  const insertQuota = prepared((row: QuotaRow) =>
    builder
      .insertInto("quotas")
      .values(some(row, quotaFields))
      .onConflict((conflict) => conflict.doNothing()),
  );
  const updateUser = prepared((row: UserRow & { readonly before: number }) =>
    builder.updateTable("users").set(some(row, userFields)).where("id", "=", row.id).where("version", "=", row.before),
  );
  const updateGroup = prepared((row: GroupRow & { readonly before: number }) =>
    builder
      .updateTable("user_groups")
      .set(some(row, groupFields))
      .where("id", "=", row.id)
      .where("version", "=", row.before),
  );
  const restart = prepared((row: Omit<QuotaRow, "amount"> & { readonly now: number }) =>
    builder
      .insertInto("quota_use")
      .values({ ...some(row, ["owner", "family", "unit", "period"]), began_at: row.now, used: 0 })
      .onConflict((conflict) =>
        conflict
          .columns(["owner", "family", "unit", "period"])
          .doUpdateSet(({ ref }) => ({ began_at: ref("excluded.began_at"), used: 0 })),
      ),
  );
  const forgetQuotas = prepared(({ owner }: { readonly owner: string }) =>
    builder.deleteFrom("quotas").where("owner", "=", owner),
  );
  const forgetUse = prepared(({ owner }: { readonly owner: string }) =>
    builder.deleteFrom("quota_use").where("owner", "=", owner),
  );
  const forgetAddresses = prepared(({ user }: { readonly user: string }) =>
    builder.deleteFrom("user_ips").where("user_id", "=", user),
  );
  return {
    insertUser,
    insertGroup,
    insertQuota,
    forgetAddresses,
    userUpdated: (user) => ({ ...updateUser.with({ ...userRow(user), before: user.version - 1 }), expect: 1 }),
    groupUpdated: (group) => ({ ...updateGroup.with({ ...groupRow(group), before: group.version - 1 }), expect: 1 }),
    quotasReplaced: (owner, quotas) => [
      forgetQuotas.with({ owner }),
      ...quotas.map((quota) => insertQuota.with(quotaRow(quota))),
    ],
    quotasRefreshed: (quotas, now) => quotas.map((quota) => restart.with({ ...quotaRow(quota), now })),
    removed(kind, id) {
      const owner = `${kind}:${id}`;
      const forget = [forgetQuotas.with({ owner }), forgetUse.with({ owner })];
      if (kind === "user") {
        const user = compiled(builder.deleteFrom("users").where("id", "=", id));
        return [{ ...user, expect: 1 }, forgetAddresses.with({ user: id }), ...forget];
      }
      const group = compiled(builder.deleteFrom("user_groups").where("id", "=", id));
      const members = builder
        .updateTable("users")
        .set(({ eb }) => ({ group_id: null, version: eb("version", "+", 1) }))
        .where("group_id", "=", id);
      return [{ ...group, expect: 1 }, compiled(members), ...forget];
    },
  };
}

/** One by one: a place for a value is there when it is asked for. */
function some<Row, const Name extends keyof Row>(row: Row, names: readonly Name[]): Pick<Row, Name> {
  return Object.fromEntries(names.map((name) => [name, row[name]])) as Pick<Row, Name>;
}
