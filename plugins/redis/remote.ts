/** Counters in Redis, one question each. */
import type { Counter, Reservation, Take } from "waygate";
import { keyOf, kindOf, numberText, type Part, readReserve } from "./codec.ts";
import type { Link, Run } from "./link.ts";
import { scripts } from "./lua.ts";

/** A part and what it should count as: `undefined` only ends what is held. */
export interface Correction {
  readonly part: Part;
  readonly amount: number | undefined;
}

/** Parts for the takes of a reservation of that name. */
export function partsOf(id: string, takes: readonly Take[]): readonly Part[] {
  return takes.map(({ counter, amount }, index) => ({
    counter,
    amount,
    place: counter.kind === "lease" ? `${id}.${index}` : "",
  }));
}

/** A grant that comes when nobody waits for it any more goes to `late`, to be given back. */
export async function reserve(
  link: Link,
  id: string,
  takes: readonly Take[],
  parts: readonly Part[],
  late: (corrections: readonly Correction[]) => void,
): Promise<Reservation> {
  const keys = parts.map(({ counter }) => keyOf(counter));
  const values = parts.flatMap(({ counter, amount, place }, index) => [
    ...kindOf(counter),
    String(amount),
    numberText(takes[index]!.limit),
    place,
  ]);
  const reply = await link.run(scripts.reserve, keys, values, (found) => {
    if (readReserve(found, id, parts, link).granted) late(parts.map((part) => ({ part, amount: 0 })));
  });
  return readReserve(reply, id, parts, link);
}

/** Asks nothing where nothing changes. */
export async function settle(run: Run, corrections: readonly Correction[]): Promise<void> {
  const changed = corrections.filter(
    ({ part, amount }) => part.counter.kind === "lease" || (amount !== undefined && amount !== part.amount),
  );
  if (changed.length === 0) return;
  await run(
    scripts.settle,
    changed.map(({ part }) => keyOf(part.counter)),
    changed.flatMap(({ part, amount }) => [
      ...kindOf(part.counter),
      String((amount ?? part.amount) - part.amount),
      part.place,
    ]),
  );
}

export async function count(run: Run, counters: readonly Counter[]): Promise<readonly number[]> {
  const reply = await run(scripts.count, counters.map(keyOf), counters.flatMap(kindOf));
  return (reply as readonly string[]).map(Number);
}

export async function renew(run: Run, held: readonly Part[]): Promise<void> {
  if (held.length === 0) return;
  await run(
    scripts.renew,
    held.map(({ counter }) => keyOf(counter)),
    held.flatMap(({ counter, place }) => [kindOf(counter)[1], place]),
  );
}
