/** What every store checks before it counts. A number that is none would make a counter useless for ever. */
import type { Take } from "./store.ts";

/** Throws a `RangeError` for amounts and limits that no counter can hold. */
export function checkTakes(takes: readonly Take[]): void {
  for (const { counter, amount, limit } of takes) {
    if (!(amount >= 0 && amount < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`state: ${amount} cannot be taken from "${counter.key}"; give a number from 0 up`);
    }
    if (Number.isNaN(limit)) throw new RangeError(`state: the limit of "${counter.key}" is not a number`);
  }
}

/** The amount to correct to; `undefined` = as it was, also for what is no amount. */
export function soundAmount(amount: number | undefined): number | undefined {
  return amount !== undefined && amount >= 0 && amount < Number.POSITIVE_INFINITY ? amount : undefined;
}

/** True when an amount fits beside what is used. */
export function fits(used: number, amount: number, limit: number): boolean {
  return used + amount <= limit || (used === 0 && limit > 0);
}
