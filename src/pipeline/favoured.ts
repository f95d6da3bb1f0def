/** A wait for the better ones of the targets, before the others are asked: where a policy says how long they are worth it. */
import type { Placed } from "../candidates/in-flight.ts";
import type { Pool } from "../candidates/pool.ts";
import type { Candidate, Target } from "../plugin/context.ts";
import type { RequestState } from "./context.ts";
import { applies } from "./hooks.ts";
import type { Policies } from "./policies.ts";
import type { Choice, Selector } from "./select.ts";
import { lineOf, returnTime, waitAt } from "./waiting.ts";

export interface FavouredChooser {
  /** A place at one of the better targets, after a wait if need be; `undefined` where they are not worth one any more. */
  choose(): Promise<(Choice & { readonly placed: Placed }) | undefined>;
  /** The better targets, where the candidate is one of theirs and may be waited for so long (milliseconds) yet. */
  around(candidate: Candidate, wait: number): readonly Target[] | undefined;
}

interface FavouredInit {
  readonly state: RequestState;
  readonly pool: Pool;
  readonly policies: Policies;
  readonly selector: Selector;
  readonly targets: readonly Target[];
  readonly excluded: (candidate: Candidate) => boolean;
}

/** `undefined` for requests of which all targets are equal, and where no policy asks for it. */
export function createFavoured(init: FavouredInit): FavouredChooser | undefined {
  const { state, pool, policies, selector, excluded } = init;
  const hook = policies.find(({ favour }) => favour !== undefined);
  const favoured = hook && applies(hook, state.ctx) ? hook.favour!(init.targets, state.ctx) : undefined;
  if (!favoured || favoured.wait <= 0 || favoured.targets.length === 0) return undefined;
  const { targets, wait } = favoured;
  const { room } = pool;
  const { config, runtime } = state.ctx.app;
  /** Epoch milliseconds; set when there is first nobody. One wait per request, however many keys fail meanwhile. */
  let until: number | undefined;
  const lastMoment = (now: number): number => Math.min(now + wait, state.startedAt + config.retry.deadline);

  return {
    async choose() {
      let spot: ReturnType<typeof room.enter> | undefined;
      let served = false;
      try {
        for (;;) {
          const choice = await selector.next(targets, excluded);
          const { placed, busy } = choice;
          served = placed !== undefined;
          if (placed) return { ...choice, placed };
          // Policies may have thought, and nobody tells who does not wait yet.
          if (busy.some((each) => pool.flights.free(each) && pool.current(each) !== undefined)) continue;
          const now = runtime.clock.now();
          until ??= lastMoment(now);
          const due = returnTime(pool, targets, excluded, true);
          const isWorth = busy.length > 0 || (due !== undefined && due < until);
          if (now >= until || !isWorth || state.cancellation.aborted) return undefined;
          if (!spot && room.size >= config.retry.queueSize) return undefined;
          spot ??= room.enter({
            client: state.principal?.id ?? state.ctx.ip ?? "",
            // Apart from those who have nobody else to go to.
            line: `favoured\0${lineOf(targets)}`,
            since: state.startedAt,
            wants: (candidate) => !excluded(candidate),
          });
          const call = await waitAt(state, spot, { busy, due }, until);
          if (call === "over") return undefined;
          served = call !== "look";
          if (call !== "look") return { ...choice, placed: call };
        }
      } finally {
        spot?.leave(served);
      }
    },
    around({ provider, model }, ms) {
      const now = runtime.clock.now();
      if (now + ms > (until ?? lastMoment(now))) return undefined;
      return targets.some((each) => each.provider === provider && each.model === model) ? targets : undefined;
    },
  };
}
