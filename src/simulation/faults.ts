/** What goes wrong with single calls of an upstream: one function per fault, from a good answer to a bad one. */
import type { Chance } from "./chance.ts";
import { type AnswerFacts, frame, goodPlay, type Play, refusal } from "./play.ts";
import type { SimulatedRequest } from "./traffic.ts";

export interface FaultCall {
  readonly request: Pick<SimulatedRequest, "index" | "model" | "stream">;
  readonly facts: AnswerFacts;
  readonly chance: Chance;
  /** Epoch milliseconds. */
  readonly now: number;
}

type Fault = (call: FaultCall) => Play;

const good = ({ request, facts }: FaultCall): Play => goodPlay(request, facts);
const seconds = (chance: Chance): number => 1 + chance.below(90);

/** A 200 whose body is not what it should be; its tokens were counted all the same. */
function bodyOnly(call: FaultCall, fault: string, text: string, type: string): Play {
  const { facts } = call;
  return {
    connect: 0,
    headers: facts.pace.first,
    head: { status: 200, headers: { "content-type": type } },
    pieces: text === "" ? [] : [{ after: 0, text }],
    end: "complete",
    fault,
  };
}

/** A stream that stops after some of its pieces; a whole answer that stops in the middle of its text. */
function broken(call: FaultCall, end: "cut" | "hang", fault: string): Play {
  const play = good(call);
  const { pieces } = play;
  const half = pieces[0]!.text.slice(0, Math.floor(pieces[0]!.text.length / 2));
  const kept =
    pieces.length === 1 ? [{ ...pieces[0]!, text: half }] : pieces.slice(0, call.chance.below(pieces.length));
  return { ...play, pieces: kept, end, bills: undefined, fault };
}

/** Whatever stands in front of the API answers, for every key alike. Statuses that say so, with a page. */
const GATEWAY = [200, 403, 429, 502];
/** Times that no upstream can mean. */
const ABSURD = [
  "999999999999",
  "-5",
  "soon",
  "0",
  "1e9",
  "Fri, 31 Dec 9999 23:59:59 GMT",
  "Thu, 01 Jan 1970 00:00:00 GMT",
];

/** The same bytes in deliveries of any length. */
function chopped(text: string, chance: Chance): Play["pieces"] {
  const pieces: { readonly after: number; readonly text: string }[] = [];
  for (let at = 0; at < text.length;) {
    const length = chance.pick([1, 2, 7, 60, 300]);
    pieces.push({ after: 0, text: text.slice(at, at + length) });
    at += length;
  }
  return pieces;
}

export const faults = {
  overload: () => refusal(503, { message: "The engine is currently overloaded.", type: "server_error" }),
  overloadTimed: ({ chance }) =>
    refusal(503, { message: "Overloaded.", type: "server_error" }, { "retry-after": String(seconds(chance)) }),
  crash: ({ chance }) =>
    refusal(chance.pick([500, 502, 504, 520]), { message: "Something broke.", type: "server_error" }),
  limited: () => refusal(429, { message: "Rate limit reached.", type: "requests", code: "rate_limit_exceeded" }),
  limitedTimed: ({ chance }) =>
    refusal(
      429,
      { message: "Rate limit reached.", code: "rate_limit_exceeded" },
      { "retry-after": String(seconds(chance)) },
    ),
  limitedText: ({ chance }) =>
    refusal(429, { message: `Rate limit reached. Please try again in ${seconds(chance)}s.` }),
  limitedAbsurd: ({ chance }) => refusal(429, { message: "Slow down." }, { "retry-after": chance.pick(ABSURD) }),
  limitedDated: ({ chance, now }) =>
    refusal(429, { message: "Slow down." }, { "retry-after": new Date(now + seconds(chance) * 1000).toUTCString() }),
  quota: () =>
    refusal(429, {
      message: "The usage limit has been reached.",
      type: "usage_limit_reached",
      code: "usage_limit_reached",
    }),
  gateway: ({ chance }) => ({
    ...refusal(429, { message: "Too many requests from this IP." }),
    ...(chance.happens(0.5) && { pieces: [{ after: 0, text: "error code: 1015" }] }),
    fault: "gateway",
  }),
  lost: ({ facts, chance }) => ({ ...nothing, headers: chance.below(facts.pace.first), fault: "lost" }),
  unreachable: () => ({ ...nothing, connect: 30_000, fault: "unreachable" }),
  silent: () => ({ ...nothing, headers: Number.POSITIVE_INFINITY, fault: "silent" }),
  cut: (call) => broken(call, "cut", "cut"),
  closed: (call) => ({ ...broken(call, "cut", "closed"), end: "complete" }),
  stall: (call) => broken(call, "hang", "stall"),
  slow: (call) => {
    const play = good(call);
    const [first, ...rest] = play.pieces;
    return { ...play, pieces: [{ ...first!, after: 400_000 }, ...rest], fault: "slow" };
  },
  html: (call) => ({
    ...bodyOnly(call, "html", "<!DOCTYPE html><html><body>Just a moment…</body></html>", "text/html"),
    head: { status: call.chance.pick(GATEWAY), headers: { "content-type": "text/html" } },
  }),
  empty: (call) => bodyOnly(call, "empty", "", call.request.stream ? "text/event-stream" : "application/json"),
  errorInside: (call) => {
    const error = { message: "The server had an error.", type: "server_error", code: "internal_error" };
    return call.request.stream
      ? bodyOnly(call, "errorInside", frame({ error }), "text/event-stream")
      : bodyOnly(call, "errorInside", JSON.stringify({ error }), "application/json");
  },
  errorLater: (call) => {
    const play = good(call);
    if (!call.request.stream) return { ...play, fault: "errorLater" };
    const failed = { after: 100, text: frame({ error: { message: "Overloaded.", type: "server_error" } }) };
    return { ...play, pieces: [...play.pieces.slice(0, 2), failed], bills: undefined, fault: "errorLater" };
  },
  /** Signs of life and nothing else. */
  alive: (call) => {
    const play = good(call);
    if (!call.request.stream) return { ...play, headers: 400_000, fault: "alive" };
    const comments = Array.from({ length: 100 }, () => ({ after: 4000, text: ": still here\n\n" }));
    return { ...play, pieces: [...comments, ...play.pieces], fault: "alive" };
  },
  /** No fault at all, for whoever reads it well. */
  crumbs: (call) => {
    const play = good(call);
    return { ...play, pieces: play.pieces.flatMap(({ text }) => chopped(text, call.chance)) };
  },
  /** A whole answer in place of a stream. */
  unstreamed: (call) => goodPlay({ ...call.request, stream: false }, call.facts),
  wrongUsage: (call) => {
    const { chance, facts } = call;
    const usage = chance.pick<object>([
      { prompt_tokens: -5, completion_tokens: 3, total_tokens: -2 },
      { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
      { prompt_tokens: facts.input, completion_tokens: 1e15, total_tokens: 1 },
      { prompt_tokens: "many" },
    ]);
    return { ...goodPlay(call.request, { ...facts, usage }), fault: "wrongUsage" };
  },
  notFound: () => refusal(404, { message: "The model does not exist.", code: "model_not_found" }),
  invalid: () => refusal(400, { message: "messages: too strange.", code: "invalid_value" }),
  tooLong: ({ chance }) =>
    refusal(chance.pick([400, 413]), {
      message: "This model's maximum context length is 8192 tokens.",
      code: "context_length_exceeded",
    }),
} satisfies { readonly [name: string]: Fault } as { readonly [name: string]: Fault };

const nothing = { connect: 0, headers: 0, pieces: [], end: "complete" } as const;
