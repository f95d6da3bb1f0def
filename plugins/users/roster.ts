/** Writes everybody into a new file, where the one before was damaged and put aside. */
import type { Contributor, DatabaseWrite, SqlValue } from "waygate";
import type { Directory } from "./directory.ts";
import { ownerOf, type Quota } from "./people.ts";
import { groupRow, quotaRow, userRow } from "./rows.ts";
import { insertGroup, insertQuota, insertUser } from "./store.ts";

export function keepRoster(directory: Directory): Contributor {
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
      const writes: { readonly sql: string; readonly rows: readonly SqlValue[][] }[] = [
        { sql: insertGroup, rows: groups.map(groupRow) },
        { sql: insertUser, rows: users.map(userRow) },
        { sql: insertQuota, rows: owned.map(quotaRow) },
      ];
      return writes.filter(({ rows }) => rows.length > 0) satisfies DatabaseWrite[];
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
