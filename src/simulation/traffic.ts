/** Who asks for what, when: arrivals with a daily curve and bursts, a mix of clients, models, sizes and impatience. */
import type { Chance } from "./chance.ts";

export interface TrafficShape {
  /** Requests per millisecond, averaged over a day without its bursts. */
  readonly rate: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly models: readonly { readonly name: string; readonly weight: number }[];
  /** How many clients share the traffic; the first asks most. */
  readonly clients: number;
  /** Share of the requests that are streamed. */
  readonly stream: number;
  /** Mean tokens of prompt and answer. */
  readonly input: number;
  readonly output: number;
  /** How much of the rate comes and goes over a day: 0 = even, 1 = nobody asks in the middle of the night. Default 0. */
  readonly daily?: number;
  /** Hour (UTC) of the most traffic. Default 14. */
  readonly peak?: number;
  readonly bursts?: {
    readonly perDay: number;
    /** Milliseconds one lasts. */
    readonly length: number;
    /** How many times the usual rate. */
    readonly factor: number;
  };
  /** Share of the clients that leave before their answer is complete. Default 0. */
  readonly impatient?: number;
  /** Share of the requests that belong to a conversation their client names. Default 0. */
  readonly conversations?: number;
}

export interface SimulatedRequest {
  readonly index: number;
  /** Milliseconds since the beginning. */
  readonly at: number;
  readonly client: string;
  readonly model: string;
  readonly stream: boolean;
  /** Tokens. */
  readonly input: number;
  readonly output: number;
  /** The client leaves this many milliseconds after it asked. */
  readonly leavesAfter?: number;
  /** The conversation it goes on with, by the name its client has for it. */
  readonly session?: string;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How far the sizes of prompts and answers are apart: most are small, a few are large. */
const SPREAD = 0.9;
/** Conversations that a client has at a time. */
const SESSIONS = 5;

/** The requests in order of time. `start`: epoch milliseconds of the beginning, for the hours of the day. */
export function* arrivals(shape: TrafficShape, start: number, chance: Chance): Generator<SimulatedRequest> {
  const { rate, duration, daily = 0, peak = 14, bursts, impatient = 0, conversations = 0 } = shape;
  if (!(rate > 0)) return;
  const clients = Array.from({ length: Math.max(1, shape.clients) }, (_, index) => ({
    name: `client-${index + 1}`,
    weight: 1 / (index + 1),
  }));
  const times = chance.fork("times");
  const what = chance.fork("what");
  const talk = chance.fork("talk");
  const burst = bursts ? burstsOf(bursts, duration, chance.fork("bursts")) : () => false;
  const most = rate * (1 + daily) * (bursts?.factor ?? 1);
  let at = 0;
  for (let index = 0; ;) {
    at += times.exponential(1 / most);
    if (at >= duration) return;
    // Thinning (Lewis and Shedler 1979): as many as at the busiest moment, of which so many stay as the hour deserves.
    const hour = ((start + at) % DAY) / HOUR;
    const curve = 1 + daily * Math.cos(((hour - peak) / 24) * 2 * Math.PI);
    if (!times.happens((rate * curve * (burst(at) ? (bursts?.factor ?? 1) : 1)) / most)) continue;
    const client = what.weighted(clients).name;
    yield {
      index: index++,
      at: Math.round(at),
      client,
      model: what.weighted(shape.models).name,
      stream: what.happens(shape.stream),
      input: Math.max(1, Math.round(what.size(shape.input, SPREAD))),
      output: Math.max(1, Math.round(what.size(shape.output, SPREAD))),
      ...(what.happens(impatient) && { leavesAfter: Math.round(what.exponential(4000)) }),
      ...(talk.happens(conversations) && { session: `${client}-${talk.below(SESSIONS)}` }),
    };
  }
}

/** Asked with times that never go back. */
function burstsOf(
  { perDay, length }: NonNullable<TrafficShape["bursts"]>,
  duration: number,
  chance: Chance,
): (at: number) => boolean {
  if (perDay <= 0) return () => false;
  let begins = chance.exponential(DAY / perDay);
  return (at) => {
    while (begins + length <= at && begins < duration) begins += length + chance.exponential(DAY / perDay);
    return at >= begins;
  };
}
