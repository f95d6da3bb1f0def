/** The gate in front of what is half-open: one request at a time. */
import type { Candidate } from "../plugin/context.ts";
import type { Clock } from "../runtime.ts";
import type { Gate } from "./gates.ts";
import type { RestPlace, Rests } from "./rests.ts";

export interface HalfOpenInit {
  readonly rests: Pick<Rests, "attempt">;
  readonly clock: Pick<Clock, "now">;
  readonly placeOf: (candidate: Candidate) => RestPlace;
}

export function halfOpenGate({ rests, clock, placeOf }: HalfOpenInit): Gate {
  return {
    name: "half-open",
    reserve(candidate) {
      const tried = rests.attempt(placeOf(candidate), clock.now());
      if (tried === undefined) return undefined;
      if ("end" in tried) return { settle: tried.end };
      return { refused: "one request is trying it", kind: tried.kind, until: tried.until };
    },
  };
}
