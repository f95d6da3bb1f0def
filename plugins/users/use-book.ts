/**
 * What is used of every quota, on its way to the database. Differences are saved, so that workers add to each other's;
 * limits are kept by `app.state`, which learns from here what was used before it began.
 */
import { type Contributor, type DatabaseWrite, prepared, type QueryBuilder, type Statement } from "waygate";
import { quotaKey, type QuotaName, type QuotaUse } from "./people.ts";
import type { Span } from "./periods.ts";

export interface UseBook extends Contributor {
  /** Another number once a window has begun at another time than its period. */
  readonly epoch: number;
  /** The quota's window, which a refresh may have begun later than its period. */
  span(quota: QuotaName, period: Span): Span;
  used(quota: QuotaName, span: Span): number;
  add(quota: QuotaName, span: Span, amount: number): void;
  /** From the database, where others write too. */
  put(use: QuotaUse): void;
  /** True once for each window: what was used before is to be told to the store of counters. */
  isNew(quota: QuotaName, span: Span): boolean;
  /** The user has made a request. True when that is to be saved: once a minute. */
  touch(user: string, now: number): boolean;
  /** Epoch milliseconds, to a minute. */
  lastSeen(user: string): number | undefined;
  forget(owner: string): void;
}

interface Page {
  readonly quota: QuotaName;
  readonly began: number;
  used: number;
  unsaved: number;
  isTold: boolean;
}

const MINUTE = 60_000;

export function createUseBook(builder: QueryBuilder): UseBook {
  const use = addedUse(builder);
  const touchUser = prepared(({ user, now }: { readonly user: string; readonly now: number }) =>
    builder
      .updateTable("users")
      .set({ last_used_at: now })
      .where("id", "=", user)
      .where(({ or, eb }) => or([eb("last_used_at", "is", null), eb("last_used_at", "<", now)])),
  );
  const pages = new Map<string, Page>();
  const dirty = new Set<string>();
  const touched = new Map<string, number>();
  const seen = new Map<string, number>();
  let epoch = 0;
  let taken: readonly { readonly key: string; readonly page: Page; readonly amount: number }[] = [];
  let takenTouches: readonly (readonly [string, number])[] = [];

  const pageOf = (quota: QuotaName, began: number): Page => {
    const key = quotaKey(quota);
    let page = pages.get(key);
    if (page === undefined || page.began < began) {
      page = { quota, began, used: 0, unsaved: 0, isTold: false };
      pages.set(key, page);
    }
    return page;
  };
  return {
    get epoch() {
      return epoch;
    },
    span(quota, period) {
      const began = pages.get(quotaKey(quota))?.began ?? 0;
      return began > period.from && began < period.until ? { from: began, until: period.until } : period;
    },
    used(quota, { from }) {
      const page = pages.get(quotaKey(quota));
      return page?.began === from ? page.used : 0;
    },
    add(quota, { from }, amount) {
      if (amount === 0) return;
      const page = pageOf(quota, from);
      // Of a window that is over.
      if (page.began !== from) return;
      page.used += amount;
      page.unsaved += amount;
      dirty.add(quotaKey(quota));
    },
    put({ began, used, ...quota }) {
      if (pages.get(quotaKey(quota))?.began !== began) epoch++;
      const page = pageOf(quota, began);
      if (page.began === began) page.used = used + page.unsaved;
    },
    isNew(quota, { from }) {
      const page = pageOf(quota, from);
      if (page.isTold) return false;
      page.isTold = true;
      return page.used > 0;
    },
    touch(user, now) {
      if (now - (seen.get(user) ?? 0) < MINUTE) return false;
      seen.set(user, now);
      touched.set(user, now);
      return true;
    },
    lastSeen: (user) => seen.get(user),
    forget(owner) {
      epoch++;
      for (const key of pages.keys()) {
        if (!key.startsWith(`${owner}\0`)) continue;
        pages.delete(key);
        dirty.delete(key);
      }
    },
    collect(most) {
      const keys = [...dirty].slice(0, most);
      taken = keys.map((key) => {
        const page = pages.get(key)!;
        const amount = page.unsaved;
        page.unsaved = 0;
        dirty.delete(key);
        return { key, page, amount };
      });
      takenTouches = [...touched].slice(0, most);
      for (const [user] of takenTouches) touched.delete(user);
      const rows = taken.map(({ page: { quota, began }, amount }) => use.valuesOf({ ...quota, began, amount }));
      return [
        { sql: use.sql, rows },
        { sql: touchUser.sql, rows: takenTouches.map(([user, now]) => touchUser.valuesOf({ user, now })) },
      ].filter((write) => write.rows.length > 0) satisfies DatabaseWrite[];
    },
    putBack() {
      for (const { key, page, amount } of taken) {
        page.unsaved += amount;
        if (pages.get(key) === page) dirty.add(key);
      }
      for (const [user, now] of takenTouches) if (!touched.has(user)) touched.set(user, now);
      taken = takenTouches = [];
    },
    startAfresh() {
      // What is being saved at this moment goes into the new file by itself.
      const saving = new Map(taken.map(({ page, amount }) => [page, amount]));
      for (const [key, page] of pages) {
        page.unsaved = page.used - (saving.get(page) ?? 0);
        if (page.unsaved > 0) dirty.add(key);
      }
    },
  };
}

interface Added extends QuotaName {
  readonly began: number;
  readonly amount: number;
}

/** Adds to what is used in the same window, and takes the place of what was used in one before. */
function addedUse(builder: QueryBuilder): Statement<Added> {
  return prepared(({ owner, family, unit, period, began, amount }: Added) =>
    builder
      .insertInto("quota_use")
      .values({ owner, family, unit, period, began_at: began, used: amount })
      .onConflict((conflict) =>
        conflict.columns(["owner", "family", "unit", "period"]).doUpdateSet(({ eb, ref }) => {
          const isNew = eb("excluded.began_at", ">", ref("quota_use.began_at"));
          const isSame = eb("excluded.began_at", "=", ref("quota_use.began_at"));
          return {
            used: eb
              .case()
              .when(isNew)
              .then(ref("excluded.used"))
              .when(isSame)
              .then(eb("quota_use.used", "+", ref("excluded.used")))
              .else(ref("quota_use.used"))
              .end(),
            began_at: eb.case().when(isNew).then(ref("excluded.began_at")).else(ref("quota_use.began_at")).end(),
          };
        }),
      ),
  );
}
