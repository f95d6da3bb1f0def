/** Chance that can be had again: one seed, and for every concern a stream of numbers of its own. */
import { seededRandom } from "../testing/virtual-clock.ts";

export interface Chance {
  /** In [0, 1). */
  next(): number;
  /** A whole number in [0, limit). */
  below(limit: number): number;
  /** In [from, to). */
  between(from: number, to: number): number;
  /** True with this probability. */
  happens(probability: number): boolean;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /** One of a list, as often as its weight says. */
  weighted<T extends { readonly weight: number }>(list: readonly T[]): T;
  /** A waiting time of a process without memory. */
  exponential(mean: number): number;
  /** A size with a long tail (log-normal) around this mean. `spread` is the sigma of its logarithm. */
  size(mean: number, spread: number): number;
  /** Another stream, the same for the same name: what one concern draws does not move what another gets. */
  fork(name: string): Chance;
}

export function createChance(seed: number): Chance {
  const next = seededRandom(seed);
  const chance: Chance = {
    next,
    below: (limit) => Math.floor(next() * limit),
    between: (from, to) => from + (to - from) * next(),
    happens: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)]!,
    weighted(list) {
      let left = next() * list.reduce((sum, { weight }) => sum + weight, 0);
      for (const each of list) {
        left -= each.weight;
        if (left < 0) return each;
      }
      return list.at(-1)!;
    },
    exponential: (mean) => -Math.log(1 - next()) * mean,
    size(mean, spread) {
      // Box and Muller; the second of the pair is not kept, so that a draw does not depend on the one before.
      const normal = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
      return mean * Math.exp(spread * normal - (spread * spread) / 2);
    },
    fork: (name) => createChance(mixed(seed, name)),
  };
  return chance;
}

/** FNV-1a over the name, begun at the seed. */
function mixed(seed: number, name: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
  return hash | 0;
}
