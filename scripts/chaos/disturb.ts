/** When what is done to the proxy. */
import { setTimeout as sleep } from "node:timers/promises";
import { createChance } from "../../src/simulation/chance.ts";
import type { Act, Operator } from "./operator.ts";

export interface ActsInit {
  readonly seed: number;
  /** Milliseconds of traffic. */
  readonly duration: number;
  /** Milliseconds between two things that are done to the proxy, on average; or exactly what is done, evenly. */
  readonly acts: number | readonly Act[];
  /** Milliseconds at the end without a restart, so that what grows is seen. */
  readonly calm: number;
}

const usual: readonly Act[] = ["reload", "reload", "spoil", "end", "kill", "kill", "disable", "disable", "disable"];

/** Resolves when the time is over and all has been done, with how often the process in force has read a config anew. */
export async function disturb(init: ActsInit, operator: Operator): Promise<number> {
  const { seed, duration, acts } = init;
  const healer = createChance(seed).fork("healer");
  const healing = setInterval(() => {
    // Nobody answers while it starts anew.
    if (healer.happens(0.5)) operator.heal().catch(() => undefined);
  }, 1000);
  const end = performance.now() + duration;
  let reloads = 0;
  const act = async (what: Act): Promise<void> => {
    const { length } = operator.lives;
    await operator.act(what);
    if (operator.lives.length > length) reloads = 0;
    else if (what !== "disable") reloads++;
  };
  try {
    if (typeof acts === "number") await atRandom({ ...init, acts, end }, act);
    else {
      for (const what of acts) {
        await sleep(duration / (acts.length + 1));
        await act(what);
      }
    }
    await sleep(Math.max(0, end - performance.now()));
  } finally {
    clearInterval(healing);
  }
  return reloads;
}

async function atRandom(
  { seed, acts, calm, end }: ActsInit & { readonly acts: number; readonly end: number },
  act: (what: Act) => Promise<void>,
): Promise<void> {
  const chance = createChance(seed).fork("acts");
  for (;;) {
    await sleep(Math.min(chance.exponential(acts), Math.max(0, end - performance.now())));
    const left = end - performance.now();
    if (left <= 0) return;
    const what = chance.pick(usual);
    await act(left < calm && (what === "kill" || what === "end") ? "reload" : what);
  }
}
