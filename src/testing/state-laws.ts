/** What the laws of state stores are written with. */
import type { Counter, Take } from "../state/store.ts";
import type { StateBench } from "./test-state.ts";

export const sliding = (key: string, window: number): Counter => ({ kind: "sliding", key, window });
export const fixed = (key: string, until: number): Counter => ({ kind: "fixed", key, until });
export const lease = (key: string, ttl: number): Counter => ({ kind: "lease", key, ttl });

export function take(counter: Counter, limit: number, amount: number = 1): Take {
  return { counter, limit, amount };
}

/** Reserves and gives the id. */
export async function granted({ store }: StateBench, ...takes: readonly Take[]): Promise<string> {
  const said = await store.reserve(takes);
  if (!said.granted) throw new Error(`refused by take ${said.index}, but it fits`);
  return said.id;
}

/** Tries to reserve, is refused and gives `until`. */
export async function refused(
  { store }: StateBench,
  index: number,
  ...takes: readonly Take[]
): Promise<number | undefined> {
  const said = await store.reserve(takes);
  if (said.granted) throw new Error("granted, but it does not fit");
  same(said.index, index, "the index of the refusal");
  return said.until;
}

export async function uses({ store }: StateBench, counter: Counter, amount: number): Promise<void> {
  const [used] = await store.used([counter]);
  same(used, amount, `what is used of the ${counter.kind} counter`);
}

export function same(found: unknown, expected: unknown, what: string): void {
  const [seen, wanted] = [JSON.stringify(found), JSON.stringify(expected)];
  if (seen !== wanted) throw new Error(`${what} is ${short(seen)}, not ${short(wanted)}`);
}

function short(text: string | undefined): string {
  return text !== undefined && text.length > 200 ? `${text.slice(0, 200)}…` : String(text);
}
