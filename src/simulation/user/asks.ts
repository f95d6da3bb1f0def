/** Requests of a simulation for users: as many a day as were asked for, at moments and of sizes drawn by chance. */
import type { Chance } from "../chance.ts";

/** One request that somebody makes, or that was recorded. */
export interface Ask {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly client: string;
  /** What belongs together, and would be sent to the same key. */
  readonly conversation: string;
  readonly model: string;
  readonly stream: boolean;
  /** Tokens. */
  readonly input: number;
  readonly output: number;
}

export interface AskShape {
  /** Epoch milliseconds. */
  readonly start: number;
  /** Milliseconds. */
  readonly duration: number;
  /** Requests per day. */
  readonly perDay: number;
  /** `day`: most of them in the afternoon, few at night. */
  readonly shape: "flat" | "day";
  /** The hour of a day at `start`, for that curve, 0 up to 24. */
  readonly hour: number;
  readonly model: string;
  /** How many clients share the traffic; the first asks most. */
  readonly clients: number;
  /** Share of the requests that are streamed. */
  readonly stream: number;
  /** Mean tokens of prompt and answer. */
  readonly input: number;
  readonly output: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How far the sizes of prompts and answers are apart: most are small, a few are large. */
const SPREAD = 0.9;
/** Share of the traffic that comes and goes over a day, and the hour of the most. */
const DAILY = 0.8;
const PEAK = 14;
/** Mean requests of a conversation. */
const TURNS = 8;

/** How many requests a shape stands for. */
export function countAsks({ perDay, duration }: Pick<AskShape, "perDay" | "duration">): number {
  return Math.round((perDay * duration) / DAY);
}

/**
 * In order of time. Each day has exactly its number of requests, so that the answer to "what if I had one key more" is
 * none of how many happened to come.
 */
export function* makeAsks(shape: AskShape, chance: Chance): Generator<Ask> {
  const { start, duration } = shape;
  const times = chance.fork("times");
  const what = chance.fork("what");
  const clients = Array.from({ length: shape.clients }, (_, index) => ({
    name: `client-${index + 1}`,
    weight: 1 / (index + 1),
    conversation: 0,
  }));
  let made = 0;
  for (let from = 0; from < duration; from += DAY) {
    const length = Math.min(DAY, duration - from);
    const upTo = countAsks({ perDay: shape.perDay, duration: from + length });
    for (const at of momentsOf(shape, from, length, upTo - made, times)) {
      const client = what.weighted(clients);
      if (what.happens(1 / TURNS)) client.conversation++;
      yield {
        at: start + at,
        client: client.name,
        conversation: `${client.name}/${client.conversation}`,
        model: shape.model,
        stream: what.happens(shape.stream),
        input: sizeOf(what, shape.input),
        output: sizeOf(what, shape.output),
      };
    }
    made = upTo;
  }
}

function momentsOf({ shape, hour }: AskShape, from: number, length: number, count: number, chance: Chance): number[] {
  const moments: number[] = [];
  while (moments.length < count) {
    const at = from + Math.floor(chance.between(0, length));
    const now = hour + at / HOUR;
    const busy = 1 + DAILY * Math.cos(((now - PEAK) / 24) * 2 * Math.PI);
    if (shape === "flat" || chance.happens(busy / (1 + DAILY))) moments.push(at);
  }
  return moments.sort((a, b) => a - b);
}

function sizeOf(chance: Chance, mean: number): number {
  return mean === 0 ? 0 : Math.max(1, Math.round(chance.size(mean, SPREAD)));
}
