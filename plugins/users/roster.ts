/** Writes everybody into a new file, where the one before was damaged and put aside. */
import type { Contributor, DatabaseWrite } from "waygate";
import type { Directory } from "./directory.ts";
import { ownerOf, type Quota } from "./people.ts";
import { groupRow, quotaRow, userRow } from "./rows.ts";
import type { PeopleStatements } from "./statements.ts";

export function keepRoster(directory: Directory, statements: PeopleStatements): Contributor {
  const { insertGroup, insertUser, insertQuota } = statements;
  let isWanted = false;
  let isTaken = false;
  return {
    collect() {
      isTaken = isWanted;
      if (!isWanted) return [];
      isWanted = false;
      const users = [...directory.users()];
      const groups = [...directory.groups()];
      const quotas = (owner: string): readonly Quota[] => directory.quotas(owner);
      const owned = [
        ...users.flatMap(({ id }) => quotas(ownerOf("user", id))),
        ...groups.flatMap(({ id }) => quotas(ownerOf("group", id))),
      ];
      return [
        { sql: insertGroup.sql, rows: groups.map((group) => insertGroup.valuesOf(groupRow(group))) },
        { sql: insertUser.sql, rows: users.map((user) => insertUser.valuesOf(userRow(user))) },
        { sql: insertQuota.sql, rows: owned.map((quota) => insertQuota.valuesOf(quotaRow(quota))) },
      ].filter(({ rows }) => rows.length > 0) satisfies DatabaseWrite[];
    },
    putBack() {
      isWanted ||= isTaken;
      isTaken = false;
    },
    startAfresh() {
      isWanted = true;
    },
  };
}
