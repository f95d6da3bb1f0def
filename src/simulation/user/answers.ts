/** What stand-ins answer: a good answer of the size that is wanted, a refusal at a limit, now and then a failure. */
import type { Credential } from "../../plugin/provider.ts";
import type { Chance } from "../chance.ts";
import { frame, type Play, refusal, usageOf } from "../play.ts";
import { createQuota, type Quota, type Refusal } from "../quota.ts";
import type { Assumption } from "./assumption.ts";

/** A request of the simulation, as far as its answer depends on it. */
export interface Wanted {
  readonly stream: boolean;
  readonly input: number;
  readonly output: number;
}

export interface AnswersInit {
  readonly chance: Chance;
  readonly assume: (provider: string, key: string) => Assumption;
  /** A key has met a limit of its provider. */
  readonly limited: (provider: string, key: string, refused: Refusal) => void;
}

export interface Answers {
  /** `now` in epoch milliseconds. */
  play(call: { readonly provider: string; readonly key: Credential["id"] }, wanted: Wanted, now: number): Play;
}

/** How far from the mean the time to the first token is. */
const SPREAD = 0.5;

export function createAnswers({ chance, assume, limited }: AnswersInit): Answers {
  const keys = new Map<string, { readonly quota: Quota; readonly assumption: Assumption }>();
  const chances = new Map<string, Chance>();

  const keyOf = (provider: string, key: string): { readonly quota: Quota; readonly assumption: Assumption } => {
    let found = keys.get(key);
    if (found === undefined) {
      const assumption = assume(provider, key);
      keys.set(key, (found = { assumption, quota: createQuota(assumption, assumption.reset) }));
    }
    return found;
  };
  const chanceOf = (provider: string): Chance => {
    let found = chances.get(provider);
    if (found === undefined) chances.set(provider, (found = chance.fork(provider)));
    return found;
  };

  return {
    play({ provider, key }, wanted, now) {
      const { quota, assumption } = keyOf(provider, key);
      const own = chanceOf(provider);
      const first = Math.ceil(own.size(assumption.latency, SPREAD));
      if (own.happens(assumption.errors)) return failed(own, first);
      const refused = quota.take(now, wanted.input + wanted.output);
      if (refused === undefined) return answer(wanted, first, Math.ceil((wanted.output / assumption.speed) * 1000));
      limited(provider, key, refused);
      return overLimit(refused, now);
    },
  };
}

const json = { "content-type": "application/json" };
const events = { "content-type": "text/event-stream" };
const words = "simulated";
const base = { id: "chatcmpl-simulated", created: 0, model: "simulated" };
const chunkBase = { ...base, object: "chat.completion.chunk" };
const begin = frame({
  ...chunkBase,
  choices: [{ index: 0, delta: { role: "assistant", content: words }, finish_reason: null }],
});
const stop = frame({ ...chunkBase, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
const choices = [{ index: 0, message: { role: "assistant", content: words }, finish_reason: "stop" }];

/** In as few pieces as there are moments of interest: every piece costs a step of the simulation. */
function answer({ stream, input, output }: Wanted, first: number, rest: number): Play {
  const usage = usageOf(input, output);
  if (!stream) {
    const text = JSON.stringify({ ...base, object: "chat.completion", choices, usage });
    const head = { status: 200, headers: json };
    return { connect: 0, headers: first + rest, head, pieces: [{ after: 0, text }], end: "complete" };
  }
  const last = `${stop}${frame({ ...chunkBase, choices: [], usage })}data: [DONE]\n\n`;
  return {
    connect: 0,
    headers: first,
    head: { status: 200, headers: events },
    pieces: [
      { after: 0, text: begin },
      { after: rest, text: last },
    ],
    end: "complete",
  };
}

function failed(chance: Chance, after: number): Play {
  const status = chance.pick([500, 503]);
  return refusal(status, { message: "Something broke.", type: "server_error", after });
}

function overLimit({ limit, until }: Refusal, now: number): Play {
  const what = limit.startsWith("r") ? "requests" : "tokens";
  const per = limit.endsWith("d") ? "day" : "min";
  return refusal(
    429,
    { message: `Rate limit reached: too many ${what} per ${per}.`, type: what, code: "rate_limit_exceeded" },
    { "retry-after": String(Math.max(1, Math.ceil((until - now) / 1000))) },
  );
}
