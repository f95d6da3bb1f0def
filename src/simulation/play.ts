/** What a simulated upstream does with one call, as plain data, and the answers of the OpenAI chat protocol for it. */
import type { SimulatedRequest } from "./traffic.ts";

export interface Play {
  /** Milliseconds until the connection is up. */
  readonly connect: number;
  /** Milliseconds from there to the response's headers; `Infinity` = they never come. */
  readonly headers: number;
  /** Absent: the connection ends there and then, in place of headers. */
  readonly head?: { readonly status: number; readonly headers: { readonly [name: string]: string } };
  /** Each comes `after` milliseconds behind the one before. */
  readonly pieces: readonly { readonly after: number; readonly text: string }[];
  /** After the last piece; `hang`: nothing comes any more, and no end. */
  readonly end: "complete" | "cut" | "hang";
  /** The tokens a whole answer has cost, as its provider counts; absent for failures. */
  readonly bills?: { readonly input: number; readonly output: number };
  /** For traces: what is wrong with it. */
  readonly fault?: string;
}

export interface Pace {
  /** Milliseconds to the first token. */
  readonly first: number;
  /** Milliseconds per token. */
  readonly token: number;
}

/** Pieces a streamed answer comes in: enough to stop it in the middle, few enough to be quick. */
const PIECES = 4;

const json = { "content-type": "application/json" };
const events = { "content-type": "text/event-stream" };

/** The text of an answer: whose it is can be seen in every piece of it. */
export function wordsOf(index: number): readonly string[] {
  return Array.from({ length: PIECES }, (_, place) => `r${index}w${place} `);
}

/** A good answer, whole or as a stream (OpenAI API reference, chat completions). */
export function goodPlay(request: Pick<SimulatedRequest, "index" | "model" | "stream">, more: AnswerFacts): Play {
  const { pace, input, output, connect = 0 } = more;
  const usage = more.usage ?? usageOf(input, output);
  const base = { id: `chatcmpl-${request.index}`, created: 1_700_000_000, model: request.model };
  const words = wordsOf(request.index);
  const bills = { input, output };
  if (!request.stream) {
    const message = { role: "assistant", content: words.join("") };
    const choices = [{ index: 0, message, finish_reason: "stop" }];
    const text = JSON.stringify({ ...base, object: "chat.completion", choices, usage });
    const headers = pace.first + pace.token * output;
    return {
      connect,
      headers,
      head: { status: 200, headers: json },
      pieces: [{ after: 0, text }],
      end: "complete",
      bills,
    };
  }
  const chunk = (delta: object, finish: string | null): string =>
    frame({ ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: finish }] });
  const step = (pace.token * output) / PIECES;
  return {
    connect,
    headers: pace.first / 2,
    head: { status: 200, headers: events },
    pieces: [
      ...words.map((content, place) => ({
        after: place === 0 ? pace.first / 2 : step,
        text: chunk(place === 0 ? { role: "assistant", content } : { content }, null),
      })),
      {
        after: step,
        text: `${chunk({}, "stop")}${frame({ ...base, object: "chat.completion.chunk", choices: [], usage })}data: [DONE]\n\n`,
      },
    ],
    end: "complete",
    bills,
  };
}

export interface AnswerFacts {
  readonly pace: Pace;
  readonly input: number;
  readonly output: number;
  readonly connect?: number;
  /** What the answer says of its usage, where that is not what it costs. */
  readonly usage?: object;
}

export function usageOf(input: number, output: number): object {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

/** A failure with a status and an OpenAI error body. */
export function refusal(status: number, error: ErrorFacts, headers: { readonly [name: string]: string } = {}): Play {
  const { message, type = "invalid_request_error", code = null, after = 50 } = error;
  const text = JSON.stringify({ error: { message, type, param: null, code } });
  const head = { status, headers: { ...json, ...headers } };
  return {
    connect: 0,
    headers: after,
    head,
    pieces: [{ after: 0, text }],
    end: "complete",
    fault: `${status} ${code ?? type}`,
  };
}

export interface ErrorFacts {
  readonly message: string;
  readonly type?: string;
  readonly code?: string;
  /** Milliseconds it takes to fail. */
  readonly after?: number;
}

export function frame(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
