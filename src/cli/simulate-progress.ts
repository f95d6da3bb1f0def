/** Says on stderr how far a long simulation is. */
import { count } from "./layout.ts";
import type { Out } from "./terminal.ts";

/** Milliseconds of silence before the first line, and between two. */
const FIRST = 300;
const EVERY = 10_000;

/** Called often, with how many requests of the column have ended. */
export function progressOn(err: Out, total: number): (column: string) => (done: number) => void {
  let next = performance.now() + FIRST;
  return (column) => (done) => {
    const now = performance.now();
    if (now < next) return;
    next = now + EVERY;
    err.line(`simulating ${count(total, "request")}: ${column}, ${Math.floor((done / Math.max(1, total)) * 100)}% …`);
  };
}
