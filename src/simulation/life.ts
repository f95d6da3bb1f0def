/** What is known of one request while it is under way, seen from outside of the proxy. */
import type { Outcome } from "../plugin/context.ts";
import type { Served } from "./client.ts";
import type { Generation } from "./generations.ts";
import type { CallEnd, NetworkCall } from "./network.ts";
import type { SimulatedRequest } from "./traffic.ts";

/** One call of an upstream made for it. */
export interface Sending {
  readonly provider: string;
  /** The key's name, which is its value and its label too. */
  readonly key: string;
  readonly model: string;
  readonly call: NetworkCall;
  /** Milliseconds of a clock that nobody sets. */
  readonly at: number;
  /** Epoch milliseconds as the proxy had them. */
  readonly wall: number;
  endedAt: number | undefined;
  how: CallEnd | undefined;
}

export interface Life {
  readonly request: SimulatedRequest;
  readonly generation: Generation;
  readonly askedAt: number;
  readonly sendings: Sending[];
  /** Calls that have not ended. */
  open: number;
  firstByteAt: number | undefined;
  leftAt: number | undefined;
  /** It came to a proxy that is about to end. */
  readonly turnedAway: boolean;
  /** The clock was set while it was under way. */
  jumped: boolean;
  /** Since when it has no call although a key could be asked. */
  hungrySince: number | undefined;
  records: number;
  outcome: Outcome | undefined;
  served: Served | undefined;
}

export function newLife(request: SimulatedRequest, generation: Generation, askedAt: number): Life {
  return {
    request,
    generation,
    askedAt,
    sendings: [],
    open: 0,
    firstByteAt: undefined,
    leftAt: undefined,
    turnedAway: generation.refusing,
    jumped: false,
    hungrySince: undefined,
    records: 0,
    outcome: undefined,
    served: undefined,
  };
}
