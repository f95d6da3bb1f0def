/** What the admin API shows: people with what they have used, as it is in the database. */
import { type GroupDocument, groupDocument, type Seen, stateOf, type UserDocument, userDocument } from "./document.ts";
import { invalid } from "./input.ts";
import { type Group, ownerOf, quotaKey, type QuotaUse, type User } from "./people.ts";
import type { Running } from "./running.ts";

const MOST = 500;
const USUAL = 50;

export interface UserPage {
  /** That fit, on all pages. */
  readonly total: number;
  readonly users: readonly UserDocument[];
}

export async function userDocumentOf(run: Running, user: User): Promise<UserDocument> {
  return userDocument(withLast(run, user), await seen(run, [ownerOf("user", user.id)]), run.addresses.count(user.id));
}

export async function groupDocumentOf(run: Running, group: Group): Promise<GroupDocument> {
  const users = [...run.directory.users()].filter((user) => user.group === group.id).length;
  return groupDocument(group, await seen(run, [ownerOf("group", group.id)]), users);
}

export async function allGroups(run: Running): Promise<{ readonly groups: readonly GroupDocument[] }> {
  const counts = new Map<string, number>();
  for (const { group } of run.directory.users()) if (group) counts.set(group, (counts.get(group) ?? 0) + 1);
  const groups = [...run.directory.groups()];
  const view = await seen(
    run,
    groups.map(({ id }) => ownerOf("group", id)),
  );
  return { groups: groups.map((group) => groupDocument(group, view, counts.get(group.id) ?? 0)) };
}

/** Newest first. `search` looks at id, name, note and the token's end. */
export async function pageOfUsers(run: Running, query: URLSearchParams): Promise<UserPage> {
  const limit = countOf(query, "limit", USUAL, MOST);
  const offset = countOf(query, "offset", 0, 1e9);
  const search = query.get("search")?.normalize("NFC").toLowerCase();
  const [kind, group, state] = ["kind", "group", "state"].map((name) => query.get(name));
  const now = run.app.runtime.clock.now();
  const fits = (user: User): boolean =>
    (!kind || user.kind === kind) &&
    (!group || user.group === group) &&
    (!state || stateOf(user, now) === state) &&
    (!search || [user.id, user.name, user.note, user.tokenHint].some((text) => text.toLowerCase().includes(search)));
  const all = [...run.directory.users()].filter(fits);
  const users = all.toReversed().slice(offset, offset + limit);
  const view = await seen(
    run,
    users.map(({ id }) => ownerOf("user", id)),
  );
  return {
    total: all.length,
    users: users.map((user) => userDocument(withLast(run, user), view, run.addresses.count(user.id))),
  };
}

function withLast({ book }: Running, user: User): User {
  const last = Math.max(user.lastUsedAt ?? 0, book.lastSeen(user.id) ?? 0);
  return last === 0 ? user : { ...user, lastUsedAt: last };
}

/** With what other workers have counted; without the database, as far as this one knows. */
async function seen({ app, directory, store, book, periods }: Running, owners: readonly string[]): Promise<Seen> {
  const now = app.runtime.clock.now();
  const counted = owners.filter((owner) => directory.quotas(owner).length > 0);
  let uses: readonly QuotaUse[] = [];
  if (counted.length > 0) {
    await app.database?.flush();
    // The database is away, and says so itself in `/health`.
    uses = await store.uses(counted).catch(() =>
      counted.flatMap((owner) =>
        directory.quotas(owner).map(({ amount: _, ...quota }) => {
          const span = book.span(quota, periods.at(quota.period, now));
          return { ...quota, began: span.from, used: book.used(quota, span) };
        }),
      ),
    );
  }
  return { now, periods, quotas: directory.quotas, uses: new Map(uses.map((use) => [quotaKey(use), use])) };
}

function countOf(query: URLSearchParams, name: string, usual: number, most: number): number {
  const text = query.get(name);
  if (text === null) return usual;
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text), most);
  throw invalid(name, `"${name}" is a whole number.`);
}
