/**
 * Signs of life for a client that waits for a stream: its link, and every proxy on the way, may take silence for death
 * long before the answer begins. They cost the status: it is 200 once the first has gone out.
 */
import type { Queueing } from "../plugin/delivery.ts";
import type { Clock, Timer } from "../runtime.ts";
import type { Answer } from "./answer.ts";
import type { RequestState } from "./context.ts";
import { handOver, type Outlet, type OutletEvents, StreamBody } from "./outlet.ts";

const comment = ": keep-alive\n\n";

export interface KeepAlive {
  /** Milliseconds before the first sign and between two. */
  readonly every: number;
  readonly sign: string;
  /** For a request that may wait in a queue: how often it says so, and what. */
  readonly queue?: Pick<Queueing, "heartbeat" | "says">;
}

/** `undefined` where a sign has no place: whole answers, arrays of JSON, what is only passed on. */
export function keepAliveOf({ ctx, stream, forward, framing }: RequestState): KeepAlive | undefined {
  const every = ctx.app.config.server.keepAlive;
  if (every <= 0 || !stream || forward || framing === "json-array" || ctx.operation !== "generate") return undefined;
  const sign = ctx.protocol.keepAlive ?? comment;
  const { queue } = ctx.delivery ?? {};
  return queue ? { every, sign, queue } : { every, sign };
}

/** The answer if it is there before the first sign of life is due; a request that waits in a queue says so sooner. */
export async function beforeSign<T>(
  state: RequestState,
  { every, queue }: KeepAlive,
  pending: Promise<T>,
): Promise<T | undefined> {
  const { clock } = state.ctx.app.runtime;
  const step = Math.min(every, queue?.heartbeat ?? every);
  for (let waited = 0; waited < every; waited += step) {
    const found = await inTime(clock, Math.min(step, every - waited), pending);
    if (found !== undefined || state.queued) return found;
  }
  return undefined;
}

/** A comment may stand in front of any event; where the sign is none, clients read no comments. */
function spoken(sign: string, text: string | undefined): string {
  if (text === undefined || sign.trim() === "") return sign;
  return sign === comment ? `: ${text}\n\n` : `: ${text}\n${sign}`;
}

/** `pending`, or `undefined` when that takes longer than `ms`. Rejects as `pending` does, as long as that is in time. */
function inTime<T>(clock: Clock, ms: number, pending: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(() => resolve(undefined), ms);
    pending.then(resolve, reject).finally(() => timer.cancel());
  });
}

/** Signs of life in a stream that has begun. */
export interface Pulse {
  /** Something has been written, so the next sign is not needed. */
  heard(): void;
  stop(): void;
}

/** A sign whenever nothing has been heard for `every`, twice as long at most. */
export function startPulse(clock: Clock, { every, sign }: KeepAlive, write: (bytes: Uint8Array) => void): Pulse {
  const bytes = Buffer.from(sign);
  let heard = false;
  const beat = (): void => {
    if (!heard) write(bytes);
    heard = false;
    timer = clock.timer(beat, every);
  };
  let timer: Timer = clock.timer(beat, every);
  return {
    heard() {
      heard = true;
    },
    stop: () => timer.cancel(),
  };
}

export interface WaitingInit extends KeepAlive {
  readonly clock: Clock;
  readonly pending: Promise<Answer["body"]>;
  /** Takes note of the failure; what it returns are the last bytes for the client. */
  failed(error: unknown): string;
  /** The client has gone before there was an answer. */
  left(reason: unknown): void;
}

/** A body that says nothing but that it lives, until the answer is there and takes its place. */
export function waitingBody({ clock, every: usual, sign, queue, pending, failed, left }: WaitingInit): StreamBody {
  const every = Math.min(usual, queue?.heartbeat ?? usual);
  let pulse: Pulse | undefined;
  let outlet: Outlet | undefined;
  /** The client has not taken the last sign yet. */
  let full = false;
  let gone = false;
  let answer: Answer["body"] | undefined;
  let heir: OutletEvents | undefined;

  const say = (): void => {
    if (outlet && !full) full = !outlet.write(Buffer.from(spoken(sign, queue?.says())));
  };
  const give = (): void => {
    if (outlet && answer !== undefined) heir = handOver(answer, outlet);
  };
  const arrived = (body: Answer["body"]): void => {
    pulse?.stop();
    if (gone) {
      if (body instanceof StreamBody) body.abort();
      return;
    }
    answer = body;
    give();
  };
  pending.then(arrived, (error: unknown) => arrived(failed(error)));

  return new StreamBody(
    (taker) => {
      outlet = taker;
      if (answer !== undefined) return give();
      say();
      pulse = startPulse(clock, { every, sign }, say);
    },
    {
      drained() {
        full = false;
        heir?.drained();
      },
      left(reason) {
        if (gone) return;
        gone = true;
        pulse?.stop();
        if (heir) heir.left(reason);
        else left(reason);
      },
    },
  );
}
