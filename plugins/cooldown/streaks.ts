/** Failures in a row, per key (or provider) and model or quota group. */
import { dayOf, endOfDay, type Json, type Snapshot } from "waygate";

export interface Place {
  /** A credential's id, or a provider's name. */
  readonly owner: string;
  /** Model or quota group; empty = all. */
  readonly scope: string;
}

export interface Climb {
  readonly steps: readonly number[];
  /** A number in [0, 1) that varies the step by 10 %; absent = exact. */
  readonly jitter?: number;
  /** Epoch milliseconds: when the failed attempt began, and now. */
  readonly startedAt: number;
  readonly now: number;
}

export interface Streaks {
  /** Goes one step up and says until when to rest; `first` is false for a failure of the same window. */
  climb(place: Place, streak: string, climb: Climb): { readonly until: number; readonly first: boolean };
  /** The window ends now: the next failure is the next in the row. */
  reopen(place: Place, streak: string, now: number): void;
  /** Notes a long rest of one model and says how many models of the owner rest like that. */
  countLong(place: Place, until: number, now: number): number;
  /** A success: nothing is in a row any more. */
  forget(provider: string, credential: string, scope: string): void;
  /** Zeroes everything when a new day has begun. */
  turn(now: number): void;
  /** Keeps the rows over a restart, until the day is over. */
  keep(snapshot: Snapshot): void;
}

interface Streak {
  step: number;
  until: number;
}

interface ScopeRecord {
  readonly streaks: Map<string, Streak>;
  longUntil: number;
}

/** Scopes remembered per owner: clients may make names of models up. */
const MOST = 256;

export function createStreaks(): Streaks {
  const owners = new Map<string, Map<string, ScopeRecord>>();
  let day = 0;
  let changed: (key: string) => void = () => undefined;

  const recordAt = ({ owner, scope }: Place): ScopeRecord => {
    changed(keyOf(owner, scope));
    let scopes = owners.get(owner);
    if (scopes === undefined) owners.set(owner, (scopes = new Map()));
    let record = scopes.get(scope);
    if (record === undefined) {
      const oldest = scopes.size >= MOST ? scopes.keys().next().value : undefined;
      if (oldest !== undefined) scopes.delete(oldest);
      scopes.set(scope, (record = { streaks: new Map(), longUntil: 0 }));
    }
    return record;
  };

  return {
    climb(place, name, { steps, jitter, startedAt, now }) {
      const { streaks } = recordAt(place);
      let streak = streaks.get(name);
      if (streak === undefined) streaks.set(name, (streak = { step: -1, until: Number.NEGATIVE_INFINITY }));
      // An attempt that began before the last rest ended failed of the same cause: parallel failures are one step.
      const first = startedAt >= streak.until;
      if (first) streak.step = Math.min(streak.step + 1, steps.length - 1);
      else if (streak.until > now) return { until: streak.until, first };
      const longest = Math.max(...steps);
      // The failure before may have had more steps.
      const step = steps[Math.min(Math.max(streak.step, 0), steps.length - 1)] ?? 0;
      const length = jitter === undefined ? step : Math.min(longest, step * (0.9 + 0.2 * jitter));
      // Times are whole milliseconds everywhere: in stores, in databases, in what people are told.
      streak.until = now + Math.floor(length);
      return { until: streak.until, first };
    },
    reopen(place, name, now) {
      const streak = owners.get(place.owner)?.get(place.scope)?.streaks.get(name);
      if (streak === undefined) return;
      streak.until = now;
      changed(keyOf(place.owner, place.scope));
    },
    countLong(place, until, now) {
      recordAt(place).longUntil = until;
      let long = 0;
      for (const record of owners.get(place.owner)?.values() ?? []) if (record.longUntil > now) long++;
      return long;
    },
    forget(provider, credential, scope) {
      if (owners.size === 0) return;
      for (const each of owners.get(provider)?.keys() ?? []) changed(keyOf(provider, each));
      owners.delete(provider);
      const scopes = owners.get(credential);
      if (scopes === undefined) return;
      for (const each of [scope, ""]) if (scopes.delete(each)) changed(keyOf(credential, each));
      if (scopes.size === 0) owners.delete(credential);
    },
    turn(now) {
      const today = dayOf(now);
      if (today === day) return;
      day = today;
      owners.clear();
    },
    keep(snapshot) {
      changed = snapshot.add("cooldown", {
        version: 1,
        *keys() {
          for (const [owner, scopes] of owners) for (const scope of scopes.keys()) yield keyOf(owner, scope);
        },
        save(key) {
          const { owner, scope } = placeIn(key);
          const record = owners.get(owner)?.get(scope);
          if (record === undefined) return undefined;
          const streaks = [...record.streaks].map(([name, { step, until }]) => [name, step, finite(until)]);
          return { value: { day, streaks, longUntil: finite(record.longUntil) }, until: endOfDay(day) };
        },
        load(key, value) {
          const record = parse(value);
          if (record === undefined) throw new Error("failures in a row have another shape");
          if (record.day < day) return;
          if (record.day > day) owners.clear();
          ({ day } = record);
          const { owner, scope } = placeIn(key);
          let scopes = owners.get(owner);
          if (scopes === undefined) owners.set(owner, (scopes = new Map()));
          scopes.set(scope, record);
        },
      });
    },
  };
}

/** No id holds a NUL. */
function keyOf(owner: string, scope: string): string {
  return `${owner}\0${scope}`;
}

function placeIn(key: string): Place {
  const [owner = "", scope = ""] = key.split("\0");
  return { owner, scope };
}

/** JSON has no infinity: `null` is for ever. */
function finite(time: number): number | null {
  return Number.isFinite(time) ? time : null;
}

function parse(value: Json): (ScopeRecord & { readonly day: number }) | undefined {
  const row = value as { readonly day?: Json; readonly streaks?: Json; readonly longUntil?: Json } | null;
  if (typeof row?.day !== "number" || !Array.isArray(row.streaks)) return undefined;
  const streaks = new Map<string, Streak>();
  for (const each of row.streaks as readonly Json[]) {
    const [name, step, until] = Array.isArray(each) ? (each as readonly Json[]) : [];
    if (typeof name !== "string" || typeof step !== "number") return undefined;
    streaks.set(name, { step, until: typeof until === "number" ? until : Number.POSITIVE_INFINITY });
  }
  const longUntil = typeof row.longUntil === "number" ? row.longUntil : Number.POSITIVE_INFINITY;
  return { day: row.day, streaks, longUntil };
}
