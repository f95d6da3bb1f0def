/** Accounts as they are kept: at the start, and when they appear, change or vanish while the proxy runs. */
import { isDeepStrictEqual } from "node:util";
import type { AccountFields, AccountKind, App, BrokenAccount, StoredAccount } from "waygate";
import { type Entry, hasSameTokens, idOf, nameOf, newEntry, placeOf } from "./entry.ts";
import type { Keeping } from "./holder-types.ts";

export interface LoaderInit {
  readonly kind: AccountKind;
  readonly app: App;
  readonly store: Keeping;
  /** By id. */
  readonly entries: Map<string, Entry>;
  readonly publish: (entry: Entry) => void;
  readonly adopt: (entry: Entry, fields: AccountFields) => void;
  /** There are other tokens than this process knew of: another one has renewed them, or somebody has signed in. */
  readonly renewedElsewhere: (entry: Entry) => void;
}

export interface Loader {
  /** Rejects when the places cannot be read at all. */
  load(): Promise<void>;
  /** What to look at for changes. */
  places(): readonly string[];
}

export function createLoader(init: LoaderInit): Loader {
  const { kind, app, store, entries } = init;
  const told = new Map<string, string>();
  let places: readonly string[] = [];
  let isFirst = true;

  const tellBroken = (broken: readonly BrokenAccount[]): void => {
    for (const { path, why, fix } of broken) {
      if (told.get(path) !== why) app.log.warn(`${path}: ${why} ${fix}`);
    }
    told.clear();
    for (const { path, why } of broken) told.set(path, why);
  };
  const drop = (entry: Entry): void => {
    entries.delete(entry.id);
    app.credentials.remove(entry.id);
  };

  return {
    places: () => places,
    async load() {
      const before = new Map([...entries.values()].map((entry) => [entry, entry.stored]));
      const { accounts, broken } = await store.list(kind);
      const files = accounts.flatMap(({ origin }) => (origin.kind === "file" ? origin.path : []));
      const present = new Set([...accounts.map(placeOf), ...broken.map(({ path }) => path)]);
      places = [...new Set([...store.watched(kind), ...files, ...broken.map(({ path }) => path)])];
      tellBroken(broken);
      const inPlace = new Map([...entries.values()].map((entry) => [placeOf(entry.stored), entry]));
      const ids = new Map(accounts.map((account) => [account, idOf(kind, account)]));
      const listed = new Set(ids.values());
      // Of a file that cannot be read any more the account stays.
      for (const [place, entry] of inPlace) {
        if (present.has(place) || listed.has(entry.id)) continue;
        drop(entry);
        app.log.info(`${nameOf(entry)} is gone.`);
      }
      for (const account of accounts) {
        const known = inPlace.get(placeOf(account));
        if (known && isSomebodyElse(kind, known.stored, account)) drop(known);
        const entry = entries.get(known?.id ?? "") ?? entries.get(ids.get(account) ?? "");
        if (!entry) {
          const added = newEntry(kind, account, app.runtime.random());
          entries.set(added.id, added);
          init.publish(added);
          if (!isFirst) app.log.info(`${nameOf(added)} is there now.`);
        } else if (entry === known || !present.has(placeOf(entry.stored))) {
          // What was written while the files were read is newer than what was read.
          if (before.get(entry) === entry.stored) take(init, entry, account);
        } else tellTwice(app, entry, account);
      }
      if (isFirst && entries.size === 0) app.log.info(`${kind.title} has no account yet: proxy login ${kind.provider}`);
      isFirst = false;
    },
  };
}

/** One file held by one account after another. */
function isSomebodyElse(kind: AccountKind, before: StoredAccount, now: StoredAccount): boolean {
  const [one, other] = [kind.identify(before.fields), kind.identify(now.fields)];
  return one !== undefined && other !== undefined && one.trim().toLowerCase() !== other.trim().toLowerCase();
}

/** What its place holds now is used from now on, unless this process has newer tokens that it could not save. */
function take({ adopt, renewedElsewhere }: LoaderInit, entry: Entry, account: StoredAccount): void {
  const before = entry.stored.fields;
  entry.stored = account;
  if (isDeepStrictEqual(before, account.fields)) return;
  const isNew = !hasSameTokens(before, account.fields);
  if (isNew) entry.isUnsaved = false;
  adopt(entry, entry.isUnsaved ? { ...account.fields, ...entry.account.fields } : account.fields);
  if (isNew) renewedElsewhere(entry);
}

const twice = new Set<string>();

function tellTwice(app: App, entry: Entry, account: StoredAccount): void {
  const [one, other] = [placeOf(entry.stored), placeOf(account)];
  if (twice.has(`${one}\n${other}`)) return;
  twice.add(`${one}\n${other}`);
  app.log.warn(`${other} holds the same account as ${one} and is not used. Remove one of them.`);
}
