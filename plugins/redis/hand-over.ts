/** How Redis is told what was taken without it. */
import { keyOf, kindOf, type Part } from "./codec.ts";
import type { Run } from "./link.ts";
import type { Piece } from "./local.ts";
import { scripts } from "./lua.ts";

/** Counters per question, so that nobody else waits long. */
const BATCH = 100;

/** A lease that is held here, and how many milliseconds it has left. */
export interface Held {
  readonly part: Part;
  readonly left: number;
}

interface Line {
  readonly key: string;
  readonly values: readonly string[];
}

/** Questions that are sent one by one when called. `offset` is added to the times here. */
export function handOver(
  run: Run,
  offset: number,
  pieces: readonly Piece[],
  held: readonly Held[],
): readonly (() => Promise<unknown>)[] {
  const lines: Line[] = [
    ...pieces.map((piece) => lineOf(piece, offset)),
    ...held.map(({ part, left }) => ({
      key: keyOf(part.counter),
      values: ["l", String(Math.ceil(left)), String(part.amount), part.place],
    })),
  ];
  const questions: (() => Promise<unknown>)[] = [];
  for (let start = 0; start < lines.length; start += BATCH) {
    const batch = lines.slice(start, start + BATCH);
    const keys = batch.map(({ key }) => key);
    const values = batch.flatMap((line) => line.values);
    questions.push(() => run(scripts.adopt, keys, values));
  }
  return questions;
}

function lineOf({ kind, key, span, taken }: Piece, offset: number): Line {
  const counter =
    kind === "s" ? { kind: "sliding" as const, key, window: span } : { kind: "fixed" as const, key, until: span };
  const amounts =
    kind === "f"
      ? String(taken[0]?.[1] ?? 0)
      : taken.map(([at, amount]) => `${Math.floor(at + offset)}:${amount}`).join(",");
  return { key: keyOf(counter), values: [...kindOf(counter), amounts, ""] };
}
