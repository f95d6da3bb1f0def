/** Everybody who may call, in memory: no request waits for the database. */
import { type Principal, type RequestUser, type Counter, matchesGlob } from "waygate";
import { type Window, windowsOf } from "waygate/plugins/limits";
import { type Group, ownerOf, type PersonLimits, type Quota, quotaKey, type User } from "./people.ts";
import type { Plans } from "./charges.ts";
import type { Span } from "./periods.ts";
import type { Known } from "./store.ts";

/** What a request of a user is checked against, made once per user and edit. */
export interface Entry {
  readonly user: User;
  readonly principal: Principal;
  readonly slot: RequestUser;
  /** Of the user and its group. */
  readonly quotas: readonly OwnedQuota[];
  readonly rates: readonly Rate[];
  readonly flights: readonly Flight[];
  /** Whether a key, by `provider/label`, may answer; absent = all may. */
  readonly mayUseKey: ((name: string) => boolean) | undefined;
  readonly plans: Plans;
}

export interface OwnedQuota extends Quota {
  readonly key: string;
  fits(model: string): boolean;
  /** Its counter, as long as the window of its period and the book's epoch are these. */
  meter: Meter | undefined;
}

export interface Meter {
  readonly period: Span;
  readonly epoch: number;
  readonly span: Span;
  readonly counter: Counter;
}

export interface Rate {
  readonly owner: string;
  readonly window: Window;
  /** Of the day that ends then. */
  counter: { readonly dayEnds: number; readonly counter: Counter } | undefined;
}

export interface Flight {
  readonly counter: Extract<Counter, { readonly kind: "lease" }>;
  readonly limit: number;
  readonly owner: string;
}

export interface Directory {
  readonly size: number;
  find(tokenHash: string): User | undefined;
  user(id: string): User | undefined;
  group(id: string): Group | undefined;
  /** Oldest first. */
  users(): Iterable<User>;
  groups(): Iterable<Group>;
  quotas(owner: string): readonly Quota[];
  entry(user: User): Entry;
  putUser(user: User): void;
  putGroup(group: Group): void;
  putQuotas(owner: string, quotas: readonly Quota[]): void;
  remove(kind: "user" | "group", id: string): void;
  /** All there is, in place of what was known. */
  fill(known: Known): void;
}

/** Milliseconds after which the places of a worker that is gone are free. */
export const FLIGHT_TTL = 30_000;

const none: readonly Quota[] = [];

export function createDirectory(): Directory {
  const users = new Map<string, User>();
  const tokens = new Map<string, User>();
  const groups = new Map<string, Group>();
  const quotas = new Map<string, readonly Quota[]>();
  const entries = new Map<string, Entry>();

  const putUser = (user: User): void => {
    const before = users.get(user.id);
    if (before !== undefined) tokens.delete(before.tokenHash);
    users.set(user.id, user);
    tokens.set(user.tokenHash, user);
    entries.delete(user.id);
  };
  const changed = (owner: string): void => {
    if (owner.startsWith("user:")) entries.delete(owner.slice("user:".length));
    else entries.clear();
  };
  const compile = (user: User): Entry => {
    const group = user.group === undefined ? undefined : groups.get(user.group);
    const owners = [
      { owner: ownerOf("user", user.id), limits: user.limits },
      ...(group ? [{ owner: ownerOf("group", group.id), limits: group.limits }] : []),
    ];
    const isExempt = user.kind === "special";
    const models = user.models ?? group?.models;
    const keys = user.credentials ?? group?.credentials;
    return {
      user,
      principal: Object.freeze({ id: user.id, label: user.name || user.id, ...(models && { models }) }),
      slot: Object.freeze({ user: user.id, ...(group && { group: group.id }), special: isExempt }),
      quotas: isExempt ? [] : owners.flatMap(({ owner }) => (quotas.get(owner) ?? none).map(owned)),
      rates: isExempt ? [] : owners.flatMap(({ owner, limits }) => ratesOf(owner, limits)),
      flights: isExempt ? [] : owners.flatMap(({ owner, limits }) => flightsOf(owner, limits)),
      mayUseKey: keys && matchesGlob(keys),
      plans: { of: undefined, byName: new Map() },
    };
  };

  return {
    get size() {
      return users.size;
    },
    find: (tokenHash) => tokens.get(tokenHash),
    user: (id) => users.get(id),
    group: (id) => groups.get(id),
    users: () => users.values(),
    groups: () => groups.values(),
    quotas: (owner) => quotas.get(owner) ?? none,
    entry(user) {
      let entry = entries.get(user.id);
      if (entry === undefined) entries.set(user.id, (entry = compile(user)));
      return entry;
    },
    putUser,
    putGroup(group) {
      groups.set(group.id, group);
      entries.clear();
    },
    putQuotas(owner, list) {
      if (list.length === 0) quotas.delete(owner);
      else quotas.set(owner, list);
      changed(owner);
    },
    remove(kind, id) {
      quotas.delete(ownerOf(kind, id));
      changed(ownerOf(kind, id));
      if (kind === "group") {
        groups.delete(id);
        for (const user of users.values())
          if (user.group === id) putUser({ ...user, group: undefined, version: user.version + 1 });
        return;
      }
      const user = users.get(id);
      if (user === undefined) return;
      users.delete(id);
      tokens.delete(user.tokenHash);
    },
    fill(known) {
      for (const map of [users, tokens, groups, quotas, entries]) map.clear();
      for (const group of known.groups) groups.set(group.id, group);
      for (const [owner, list] of Map.groupBy(known.quotas, ({ owner: of }) => of)) quotas.set(owner, list);
      for (const user of known.users) putUser(user);
    },
  };
}

function owned(quota: Quota): OwnedQuota {
  const matches = matchesGlob(quota.family);
  // With its provider, without it, and without a vendor behind that.
  const fits = (model: string): boolean =>
    matches(model) || matches(model.slice(model.indexOf("/") + 1)) || matches(model.slice(model.lastIndexOf("/") + 1));
  return { ...quota, key: quotaKey(quota), fits: quota.family === "*" ? () => true : fits, meter: undefined };
}

function ratesOf(owner: string, limits: PersonLimits | undefined): Rate[] {
  return limits === undefined
    ? []
    : windowsOf(limits, 1, ["users", owner]).map((window) => ({ owner, window, counter: undefined }));
}

function flightsOf(owner: string, limits: PersonLimits | undefined): Flight[] {
  const limit = limits?.concurrency ?? 0;
  if (limit <= 0) return [];
  return [{ counter: { kind: "lease", key: `users/flight/${owner}`, ttl: FLIGHT_TTL }, limit, owner }];
}
