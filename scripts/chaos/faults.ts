/** What an upstream does with one call: mostly a good answer, else one of the ways in which they fail. */
import type { Chance } from "../../src/simulation/chance.ts";
import { change } from "../../src/testing/reply-changes.ts";
import {
  cut,
  drop,
  encoded,
  forever,
  hangAfterHeaders,
  html,
  later,
  manyHeaders,
  pause,
  type Piece,
  raw,
  reset,
  silence,
  slowHeaders,
  split,
  status,
  type Step,
  withHeaders,
} from "waygate/testing";
import type { WireScript } from "../../test/sdk/wire/types.ts";

export interface FaultFacts {
  readonly wire: WireScript;
  /** Of the good answer. */
  readonly text: string;
  readonly key: string;
  readonly chance: Chance;
}

type Fault = (facts: FaultFacts, good: Step) => Step;

/** Bytes, and milliseconds between them, of what never ends. */
const FLOOD = 16_384;
const BREATH = 16;

const said = ({ wire, key }: FaultFacts, code: number, words: string, headers = {}): Step =>
  // What upstreams do with keys: they say them again.
  wire.refuses(code, `${words} (key ${key})`, headers);

/** Some of the answer, and then nothing or worse. */
const broken =
  (how: "reset" | "destroy" | "hang" | "complete"): Fault =>
  ({ chance }, good) =>
    change(good, (reply) => {
      const length = reply.body.reduce((sum, piece) => sum + (piece instanceof Uint8Array ? piece.length : 0), 0);
      const step = cut(reply, 1 + chance.below(Math.max(1, length - 1)), how);
      return typeof step === "function" ? reply : step;
    });

const events = { "content-type": "text/event-stream" };
const answering = (pieces: readonly Piece[], headers: { [name: string]: string }): Step => ({
  before: [],
  head: { status: 200, headers },
  body: pieces,
  end: "complete",
});
const flood = (text: string): Piece[] =>
  Array.from({ length: 2000 }, () => [Buffer.from(text.repeat(FLOOD / text.length)), pause(BREATH)]).flat();

/** With what they are as often as others. The weight of `good` is in `stepFor`. */
export const faults: { readonly [name: string]: { readonly weight: number; readonly step: Fault } } = {
  paced: {
    weight: 8,
    step: ({ chance }, good) =>
      change(good, (reply) => ({ ...reply, body: reply.body.flatMap((piece) => [piece, pause(chance.below(30))]) })),
  },
  late: { weight: 5, step: ({ chance }, good) => later(good, pause(chance.below(900))) },
  bytes: { weight: 3, step: ({ text }, good) => split(good, text.length < 2000 ? "byte" : 64) },
  zipped: { weight: 3, step: ({ chance }, good) => encoded(good, chance.pick(["gzip", "br"] as const)) },
  limited: { weight: 3, step: (facts) => said(facts, 429, "Rate limit reached.") },
  limitedTimed: {
    weight: 3,
    step: (facts) => said(facts, 429, "Rate limit reached.", { "retry-after": facts.chance.pick(["1", "2", "40"]) }),
  },
  limitedAbsurd: {
    weight: 1,
    step: (facts) => said(facts, 429, "Slow down.", { "retry-after": facts.chance.pick(["-5", "soon", "1e12"]) }),
  },
  failing: { weight: 4, step: (facts) => said(facts, facts.chance.pick([500, 502, 503, 504, 520, 529]), "It broke.") },
  revoked: { weight: 1, step: (facts) => said(facts, 401, "Incorrect API key provided.") },
  unpaid: { weight: 0.5, step: (facts) => said(facts, 402, "Your credit balance is too low.") },
  invalid: { weight: 2, step: (facts) => said(facts, 400, "messages: too strange.") },
  html: { weight: 1, step: ({ chance, key }) => html(chance.pick([200, 403, 502]), `Just a moment… ${key}`) },
  empty: { weight: 2, step: () => status(200) },
  emptyStream: { weight: 1, step: () => answering([], events) },
  drop: { weight: 2, step: drop },
  reset: { weight: 2, step: reset },
  silence: { weight: 1, step: silence },
  slowHeaders: { weight: 1, step: ({ chance }) => slowHeaders(pause(chance.below(900))) },
  hang: { weight: 1, step: (_, good) => hangAfterHeaders(good) },
  resetLater: { weight: 3, step: broken("reset") },
  cutLater: { weight: 3, step: broken("destroy") },
  stall: { weight: 2, step: broken("hang") },
  closed: { weight: 2, step: broken("complete") },
  garbage: {
    weight: 2,
    step: ({ chance, key }) =>
      answering(
        [Buffer.from(`data: {"choices": [${key}\n\ndata: ]}\n\n${"\u0000\uFFFD".repeat(chance.below(50))}`)],
        events,
      ),
  },
  errorInside: {
    weight: 2,
    step:
      ({ key }) =>
      (request) => {
        const body = JSON.stringify({
          type: "error",
          error: { type: "api_error", message: `Broken for ${key}`, code: 500 },
        });
        const isStream = request.stream || request.path.includes(":stream");
        return isStream
          ? answering([Buffer.from(`event: error\ndata: ${body}\n\n`)], events)
          : answering([Buffer.from(body)], { "content-type": "application/json" });
      },
  },
  notZipped: { weight: 1, step: (_, good) => withHeaders(good, { "content-encoding": "gzip" }) },
  shorter: { weight: 1, step: (_, good) => withHeaders(good, { "content-length": "7" }) },
  headers: { weight: 1, step: (_, good) => withHeaders(good, manyHeaders(300, 200)) },
  endlessHeaders: { weight: 0.5, step: () => raw(["HTTP/1.1 200 OK\r\n", forever("x-filler: f\r\n")]) },
  endlessBody: { weight: 0.3, step: () => answering(flood("[[[["), { "content-type": "application/json" }) },
  endlessComments: { weight: 0.3, step: () => answering(flood(": processing..\n\n"), events) },
  endlessEvent: { weight: 0.3, step: () => answering(flood("data"), events) },
};

export interface Chosen {
  readonly name: string;
  readonly step: Step;
}

/** Faults share `trouble` of the calls. */
export function stepFor(facts: FaultFacts, trouble: number): Chosen {
  const good = facts.wire.says({ text: facts.text });
  if (!facts.chance.happens(trouble)) return { name: "good", step: good };
  const { name, step } = facts.chance.weighted(list);
  return { name, step: step(facts, good) };
}

const list = Object.entries(faults).map(([name, fault]) => ({ name, ...fault }));
