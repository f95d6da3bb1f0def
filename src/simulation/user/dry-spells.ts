/** When keys were used up, and for how long. */

export interface Spell {
  /** Epoch milliseconds. */
  readonly since: number;
  until: number;
}

export interface DrySpells {
  /** The key cannot be used from now on until then. */
  note(key: string, now: number, until: number): void;
  of(key: string): readonly Spell[];
}

/** A key that is back sooner is slowed down and not used up. Milliseconds. */
const LONG = 120_000;
/** Two spells with less between them are one: a key is noticed to be out by those who look, which takes a moment. */
const GAP = 60_000;
/** Spells of one key that are kept. */
const MOST = 1000;

export function createDrySpells(): DrySpells {
  const spells = new Map<string, Spell[]>();
  return {
    note(key, now, until) {
      if (!(until - now > LONG)) return;
      let own = spells.get(key);
      if (own === undefined) spells.set(key, (own = []));
      const last = own.at(-1);
      if (last && now <= last.until + GAP) last.until = Math.max(last.until, until);
      else if (own.length < MOST) own.push({ since: now, until });
    },
    of: (key) => spells.get(key) ?? [],
  };
}

/** Milliseconds of the time up to `end`. */
export function lengthOf(spells: readonly Spell[], end: number): number {
  return spells.reduce((sum, { since, until }) => sum + Math.max(0, Math.min(until, end) - since), 0);
}
