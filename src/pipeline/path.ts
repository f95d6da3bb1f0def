/** How an answer gets from the upstream's protocol to the client's: as its bytes, as messages, or as events. */
import type { GenerateRequest, StreamEvent } from "../protocols/canonical.ts";
import type { Encoder, EncoderInit } from "../protocols/types.ts";
import type { HeaderRecord } from "../plugin/provider.ts";
import { encodeFrame, parseFrame, type Sse } from "../wire/sse.ts";
import type { Answer } from "./answer.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { applies, type CompiledHooks, eventChain } from "./hooks.ts";
import { createThread } from "./thread.ts";

/** Headers of a stream for the client. */
export const eventStream: HeaderRecord = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
};

/** Headers of a stream that is one JSON array. */
export const jsonStream: HeaderRecord = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-cache",
};

export interface StreamPath {
  /** What goes to the client for one upstream event; `undefined` = nothing. */
  readonly rewrite: (frame: Uint8Array) => Uint8Array | undefined;
  /** What is still to be sent after the last event. */
  readonly tail: () => Uint8Array | undefined;
}

/** What the provider makes of its own events before anybody looks at them. */
export interface Rewrite {
  frame(frame: Uint8Array, emit: (frame: Uint8Array) => void): void;
  end(emit: (frame: Uint8Array) => void): void;
}

/** Bytes when nothing needs to look inside, messages when there is only an envelope to take off, events otherwise. */
export function choosePath(
  state: RequestState,
  hooks: CompiledHooks,
  attempt: RunningAttempt,
  isRewritten: boolean,
): { readonly path: StreamPath | undefined; readonly name: Answer["path"] } {
  if (isPlain(state, hooks, attempt)) return { path: undefined, name: isRewritten ? "messages" : "bytes" };
  const decoder = attempt.protocol.decoder();
  const { take, event, end } = eventWriter(state, hooks, attempt);
  const bytes = (): Uint8Array | undefined => {
    const frames = take();
    return frames === "" ? undefined : Buffer.from(frames);
  };
  return {
    name: "events",
    path: {
      rewrite(frame) {
        const message = parseFrame(frame);
        if (message) decoder.message(message, event);
        return bytes();
      },
      tail() {
        decoder.end(event);
        end();
        return bytes();
      },
    },
  };
}

export interface EventWriter {
  readonly encoder: Encoder;
  /** Through the event hooks to the encoder. */
  event(event: StreamEvent): void;
  end(): void;
  /** The frames written since the last call. */
  take(): string;
}

/** Events to the client's frames, through the event hooks; behind what the client has of an answer that broke off. */
export function eventWriter(state: RequestState, hooks: CompiledHooks, attempt: RunningAttempt): EventWriter {
  attempt.comeLast();
  const { writer } = state.thread ?? { writer: createWriter(state, hooks, attempt) };
  const thread = state.thread ?? (state.resume && createThread(writer));
  attempt.thread = thread;
  const write = thread?.leg() ?? writer.event;
  return { ...writer, event: (event) => write(ofAttempt(event, attempt)) };
}

/** A class, so that what was asked is decoded for those protocols only that repeat it, and all have one shape. */
class AnswerInit implements EncoderInit {
  readonly id: string;
  readonly model: string;
  readonly created: number;
  readonly usage: boolean;
  readonly #ctx: RequestState["ctx"];

  constructor({ ctx, startedAt, usage }: RequestState, model: string) {
    this.id = ctx.id;
    this.model = model;
    this.created = Math.floor(startedAt / 1000);
    this.usage = usage;
    this.#ctx = ctx;
  }

  get request(): GenerateRequest {
    return this.#ctx.request;
  }
}

function createWriter(state: RequestState, hooks: CompiledHooks, attempt: RunningAttempt): EventWriter {
  const { ctx } = state;
  const encoder = ctx.protocol.encoder(new AnswerInit(state, attempt.model), (loss) => state.losses.push(loss));
  const chain = eventChain(wanted(state, hooks), ctx);
  let frames = "";
  const write = (message: Sse): void => {
    frames += encodeFrame(message);
  };
  return {
    encoder,
    event: (event) => chain(event, (each) => encoder.event(each, write)),
    end: () => encoder.end(write),
    take() {
      const taken = frames;
      frames = "";
      return taken;
    },
  };
}

/** What only the attempt knows: who minted a seal, and what the client calls a tool. */
function ofAttempt(event: StreamEvent, { provider, toolNames }: RunningAttempt): StreamEvent {
  if (event.type === "seal") return { ...event, seal: { provider: provider.name, ...event.seal } };
  if ((event.type !== "tool-start" && event.type !== "media") || (!event.seal && !toolNames)) return event;
  const seal = event.seal && { seal: { provider: provider.name, ...event.seal } };
  if (event.type === "media") return { ...event, ...seal };
  return { ...event, ...seal, name: toolNames?.get(event.name) ?? event.name };
}

/** True when the upstream's own bytes are what the client is to get. */
export function isPlain(state: RequestState, hooks: CompiledHooks, attempt: RunningAttempt): boolean {
  // Who goes on with an answer has to know what is in it.
  if (state.resume) return false;
  const same = attempt.protocol === state.ctx.protocol && !state.rewritten && !attempt.toolNames;
  return same && wanted(state, hooks).length === 0;
}

/** The provider's own hand on a stream of events; absent for most. */
export function rewriteOf(attempt: RunningAttempt): Rewrite | undefined {
  const rewriter = attempt.provider.rewrite?.(attempt);
  if (!rewriter) return undefined;
  const bytes = (message: Sse): Uint8Array => Buffer.from(encodeFrame(message));
  return {
    frame(frame, emit) {
      const message = parseFrame(frame);
      if (!message) return emit(frame);
      const changed = rewriter.message(message);
      if (changed === message) emit(frame);
      else if (Array.isArray(changed)) for (const each of changed as readonly Sse[]) emit(bytes(each));
      else if (changed) emit(bytes(changed as Sse));
    },
    end(emit) {
      const left = rewriter.end?.();
      if (left) emit(bytes(left));
    },
  };
}

function wanted(state: RequestState, hooks: CompiledHooks): CompiledHooks["event"] {
  return hooks.event.length === 0 ? hooks.event : hooks.event.filter((hook) => applies(hook, state.ctx));
}
