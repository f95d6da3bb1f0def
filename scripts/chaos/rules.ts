/** What must hold in a chaos run, and where it is noted that something did not. */

export type Rule =
  /** Every request has one end that is well formed in its protocol, and its own words. */
  | "one-end"
  /** Only a proxy that is killed, or has used up its time to end, may cut a connection. */
  | "no-cut"
  | "no-overload"
  | "limits-kept"
  | "attempts-bounded"
  | "no-attempt-after-commit"
  | "abort-ends-calls"
  | "disabled-rests"
  | "no-leak"
  | "one-line"
  | "no-secret"
  | "ends-in-order"
  | "state-whole"
  | "no-growth"
  /** The proxy never computes for so long that nobody else is served. */
  | "no-standstill"
  | "free-again"
  | "no-fault-logged";

/** `at`: milliseconds of `performance.now()`; default now. */
export type Violate = (rule: Rule, what: string, at?: number) => void;

export interface Violation {
  readonly rule: Rule;
  readonly what: string;
  /** Milliseconds since the beginning. */
  readonly at: number;
}

export interface Journal {
  readonly violate: Violate;
  readonly violations: readonly Violation[];
  /** How often each rule was broken; of many only some are kept. */
  readonly counts: ReadonlyMap<Rule, number>;
  /** Something happened that a reader wants to know of. */
  note(text: string): void;
  /** Notes and violations around a time. */
  around(at: number): readonly string[];
}

const KEPT = 5;

export function createJournal(say: (line: string) => void): Journal {
  const start = performance.now();
  const violations: Violation[] = [];
  const counts = new Map<Rule, number>();
  const notes: { readonly at: number; readonly text: string }[] = [];
  const lineOf = ({ at, text }: { at: number; text: string }): string =>
    `${(at / 1000).toFixed(2).padStart(8)} s  ${text}`;
  const note = (text: string): void => {
    const entry = { at: performance.now() - start, text };
    notes.push(entry);
    say(lineOf(entry));
  };
  return {
    violations,
    counts,
    note,
    violate(rule, what, at = performance.now()) {
      const count = (counts.get(rule) ?? 0) + 1;
      counts.set(rule, count);
      if (count > KEPT) return;
      violations.push({ rule, what, at: at - start });
      note(`VIOLATED ${rule}: ${what}`);
    },
    around: (at) => notes.filter((each) => Math.abs(each.at - at) < 5000).map(lineOf),
  };
}
