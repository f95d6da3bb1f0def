/** What rests, kept over a restart. */
import type { DropKind } from "../plugin/context.ts";
import type { Json, JsonObject } from "../protocols/canonical.ts";
import type { Clock } from "../runtime.ts";
import type { Snapshot } from "../database/snapshot.ts";
import type { Rest, RestState, RestTarget } from "./credentials.ts";
import { endOf, type Rests } from "./rests.ts";

/** Milliseconds that the endless rest of a key nobody has is remembered: a key may be back. */
const MISSED = 30 * 24 * 3_600_000;

export interface RestsSnapshotInit {
  readonly rests: Rests;
  readonly clock: Pick<Clock, "now">;
  /** Whether the config has that credential. */
  readonly knows: (credential: string) => boolean;
}

/**
 * Registers the section. Rests that are over are not loaded; those without an end whose key the config does not have are
 * given up after 30 days.
 */
export function keepRests(snapshot: Snapshot, { rests, clock, knows }: RestsSnapshotInit): RestsKeeper {
  /** Endless rests whose key was missing at a start, and since when. */
  const missing = new Map<string, number>();
  const changed = snapshot.add("rests", {
    version: 1,
    keys: () => rests.keys(),
    save(key) {
      const entry = rests.entry(key);
      if (entry === undefined) return undefined;
      const { target, scope, rest } = entry;
      const since = missing.get(key);
      const isEndless = rest.until === Number.POSITIVE_INFINITY;
      const value: Json = {
        target: { ...target },
        ...(scope !== undefined && { scope }),
        rest: { ...rest, until: isEndless ? null : rest.until },
        at: clock.now(),
        ...(since !== undefined && { missing: since }),
      };
      const end = since === undefined ? undefined : since + MISSED;
      return { value, until: isEndless ? end : endOf(rest) };
    },
    load(key, value) {
      const row = parse(value, clock.now());
      if (row === undefined) throw new Error("a rest has another shape");
      if (endOf(row.rest) <= clock.now()) return;
      // After a reload both proxies have the same rests, and somebody may be trying this one.
      if (rests.entry(key) === undefined) rests.set(row.target, row.scope, row.rest, clock.now());
      if (row.missing !== undefined) missing.set(key, row.missing);
    },
  });
  const unwatch = rests.watch(({ key }) => changed(key));
  return {
    settle() {
      for (const key of rests.keys()) {
        const { target, rest } = rests.entry(key)!;
        if (rest.until !== Number.POSITIVE_INFINITY || target.credential === undefined) continue;
        const isMissing = !knows(target.credential);
        if (isMissing === missing.has(key)) continue;
        if (isMissing) missing.set(key, clock.now());
        else missing.delete(key);
        changed(key);
      }
    },
    close: unwatch,
  };
}

export interface RestsKeeper {
  /** Looks which keys there are: after the plugins are set up. */
  settle(): void;
  /** Notes no more changes. */
  close(): void;
}

interface Row {
  readonly target: RestTarget;
  readonly scope: string | undefined;
  readonly rest: Rest;
  /** Epoch milliseconds. */
  readonly missing: number | undefined;
}

/** A clock that has been set back since must not make rests longer by as much. */
function parse(value: Json, now: number): Row | undefined {
  const { target, scope, rest, at, missing } = fieldsOf(value);
  const { provider, credential, model } = fieldsOf(target);
  const { state, until, policy, reason, kind, probe } = fieldsOf(rest);
  if (typeof provider !== "string" || typeof state !== "string") return undefined;
  if (until !== null && typeof until !== "number") return undefined;
  if (typeof policy !== "string" || typeof reason !== "string" || typeof kind !== "string") return undefined;
  const ahead = typeof at === "number" ? Math.max(0, at - now) : 0;
  return {
    target: {
      provider,
      ...(typeof credential === "string" && { credential }),
      ...(typeof model === "string" && { model }),
    },
    scope: typeof scope === "string" ? scope : undefined,
    rest: {
      state: state as RestState,
      until: until === null ? Number.POSITIVE_INFINITY : until - ahead,
      policy,
      reason,
      kind: kind as DropKind,
      ...(probe === true && { probe }),
    },
    missing: typeof missing === "number" ? missing : undefined,
  };
}

function fieldsOf(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
