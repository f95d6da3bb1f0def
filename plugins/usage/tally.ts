/** Sums by keys of several parts, without making a text of a key for every request. */

export type Part = string | number;

export interface Tally {
  /** The sums of a key, to be added to; all zero at first. */
  of(...key: readonly Part[]): number[];
  /** One per key: its parts, then its sums. */
  rows(): readonly (readonly Part[])[];
}

interface Branch {
  readonly under: Map<Part, Branch>;
  sums: number[] | undefined;
}

/** `width`: how many sums a key has. */
export function createTally(width: number): Tally {
  const root: Branch = { under: new Map(), sums: undefined };
  const found: { readonly key: readonly Part[]; readonly sums: readonly number[] }[] = [];
  return {
    of(...key) {
      let branch = root;
      for (const part of key) {
        let next = branch.under.get(part);
        if (next === undefined) branch.under.set(part, (next = { under: new Map(), sums: undefined }));
        branch = next;
      }
      if (branch.sums === undefined) {
        branch.sums = Array.from({ length: width }, () => 0);
        found.push({ key, sums: branch.sums });
      }
      return branch.sums;
    },
    rows: () => found.map(({ key, sums }) => [...key, ...sums]),
  };
}
