/** The machine's own time, chance and network, where nothing else is given. */
import { type Runtime, systemClock } from "./runtime.ts";
import { steadyClock } from "./steady-clock.ts";
import { undiciTransport } from "./transport/undici.ts";

/** `onBack`: the wall clock has been set back by so many milliseconds. */
export function completeRuntime(given: Partial<Runtime> = {}, onBack: (ms: number) => void): Runtime {
  const clock = steadyClock(given.clock ?? systemClock(), onBack);
  return {
    clock,
    random: given.random ?? Math.random,
    transport: given.transport ?? undiciTransport({ clock }),
    ...(given.tracer && { tracer: given.tracer }),
  };
}
