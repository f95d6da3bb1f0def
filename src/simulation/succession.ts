/** One proxy after the other: reloaded, restarted or killed, and what each finds of the one before. */
import { type Heritage, internalsOf } from "../proxy.ts";
import type { Clock, Timer } from "../runtime.ts";
import { type Generation, heirloom, savedBy } from "./generations.ts";
import type { RationsInit } from "./rations.ts";
import { createSeen, savedOf, type Seen } from "./seen.ts";

export type Replacing = "reload" | "restart" | "kill";

export interface SuccessionInit {
  readonly clock: Pick<Clock, "timer">;
  readonly limits: RationsInit;
  /** A process finds what the one before has saved. */
  readonly saved: boolean;
  /** All proxies that run; written here. */
  readonly generations: Generation[];
  readonly start: (seen: Seen, heritage?: Heritage) => Promise<Generation>;
  /** Ends every request from outside. */
  readonly hangUp: () => void;
  /** A process that knows nothing of before is about to begin. */
  readonly forgotten: () => void;
}

export interface Succession {
  current(): Generation;
  /** Does nothing while a process is about to end. */
  replace(how: Replacing): Promise<void>;
  /** A request of it has ended. */
  left(generation: Generation): Promise<void>;
  close(): Promise<void>;
}

/** Milliseconds that a proxy which is to end waits for its requests. */
const DRAIN = 10_000;

export async function createSuccession(init: SuccessionInit): Promise<Succession> {
  const { clock, limits, saved, generations, start, hangUp, forgotten } = init;
  /** The process is about to end, and its requests are given until then. */
  let leaving: Timer | undefined;

  const begin = async (...from: Parameters<typeof start>): Promise<Generation> => {
    const made = await start(...from);
    generations.push(made);
    return made;
  };
  const end = async (generation: Generation): Promise<void> => {
    const at = generations.indexOf(generation);
    if (at === -1) return;
    generations.splice(at, 1);
    await generation.proxy.close();
  };
  const endAll = async (): Promise<void> => {
    for (const generation of [...generations]) await end(generation);
  };
  let current = await begin(createSeen(limits));

  /** Another process takes over when the last request of this one has ended. */
  const succeed = async (): Promise<void> => {
    if (!leaving || generations.some(({ active }) => active > 0)) return;
    leaving.cancel();
    leaving = undefined;
    const before = current;
    await endAll();
    if (!saved) forgotten();
    current = await (saved
      ? begin(savedOf(before.seen), savedBy(before))
      : begin(createSeen(limits, before.seen.process + 1)));
  };

  return {
    current: () => current,
    async replace(how) {
      const before = current;
      if (before.refusing) return;
      if (how === "reload") {
        current = await begin(before.seen, heirloom(before));
        before.old = true;
        if (before.active === 0) await end(before);
        return;
      }
      before.refusing = true;
      internalsOf(before.proxy).refuse();
      leaving = clock.timer(hangUp, how === "kill" ? 0 : DRAIN);
      await succeed();
    },
    async left(generation) {
      if (generation.old && generation.active === 0) await end(generation);
      await succeed();
    },
    close: endAll,
  };
}
