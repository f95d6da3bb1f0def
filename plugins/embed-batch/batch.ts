/** Members that wait for one call, the call, and who gets what of its answer. */
import { type App, type Attempt, type JsonObject, ProxyError } from "waygate";
import { joined, type Member } from "./member.ts";
import { split } from "./split.ts";

export interface Batch {
  /** Inputs of those who are waiting. */
  readonly inputs: number;
  /** Resolves with the member's own answer, in the protocol of the upstream. */
  join(member: Member): Promise<Response>;
  /** Sends what has come so far; nobody joins any more. */
  close(): void;
}

interface Seat {
  readonly member: Member;
  readonly answer: PromiseWithResolvers<Response>;
  gone: boolean;
}

/** `onClose` is called once, before anything is sent, or when all have left. */
export function createBatch(app: App, wait: number, onClose: () => void): Batch {
  const seats: Seat[] = [];
  const call = new AbortController();
  let inputs = 0;
  let closed = false;

  const end = (): void => {
    closed = true;
    timer.cancel();
    onClose();
  };
  const close = (): void => {
    if (closed) return;
    end();
    send(
      app,
      seats.filter((seat) => !seat.gone),
      call.signal,
    ).catch((error: unknown) => {
      for (const { answer } of seats) answer.reject(error);
    });
  };
  const leave = (seat: Seat): void => {
    if (seat.gone) return;
    seat.gone = true;
    const { signal } = seat.member.attempt;
    seat.answer.reject(signal.reason);
    if (!closed) inputs -= seat.member.request.inputs.length;
    if (!seats.every(({ gone }) => gone)) return;
    if (closed) call.abort(signal.reason);
    else end();
  };
  const timer = app.runtime.clock.timer(close, wait);

  return {
    get inputs() {
      return inputs;
    },
    join(member) {
      const seat: Seat = { member, answer: Promise.withResolvers<Response>(), gone: false };
      seats.push(seat);
      inputs += member.request.inputs.length;
      const { signal } = member.attempt;
      const onAbort = (): void => leave(seat);
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      return seat.answer.promise.finally(() => signal.removeEventListener("abort", onAbort));
    },
    close,
  };
}

async function send(app: App, seats: readonly Seat[], signal: AbortSignal): Promise<void> {
  const [first] = seats;
  const members = seats.map(({ member }) => member);
  const together = seats.length > 1 ? joined(members) : undefined;
  if (!first || !together) return alone(seats);
  const { attempt } = first.member;
  try {
    const timeouts = { ...app.config.timeouts, ...attempt.provider.timeouts };
    // Not by `next`: it would end with the first member, whose client may leave before the others'.
    const response = await app.runtime.transport.send(
      { ...attempt.wire, ...together },
      { signal, connectTimeout: timeouts.connect, headersTimeout: timeouts.whole },
    );
    const text = await within(app, timeouts.idle, response.text());
    deal({ status: response.status, headers: response.headers, text }, seats, attempt);
  } catch (error) {
    // What the key of another has run into says nothing about one's own.
    for (const seat of sharing(seats, attempt)) seat.answer.reject(error);
    alone(others(seats, attempt));
  }
}

/** A body that stops in the middle is given up: no limit of an attempt looks at a call that several share. */
async function within<T>({ runtime }: App, ms: number, pending: Promise<T>): Promise<T> {
  if (ms <= 0) return pending;
  const late = Promise.withResolvers<never>();
  const message = `The upstream did not finish its answer within ${ms} ms.`;
  const timer = runtime.clock.timer(() => late.reject(new ProxyError({ kind: "timeout", message })), ms);
  try {
    return await Promise.race([pending, late.promise]);
  } finally {
    timer.cancel();
  }
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** What is wrong with one of the inputs; who it is, the upstream says when each asks for itself. */
const refusals: ReadonlySet<number> = new Set([400, 413, 422]);

function deal(reply: Reply, seats: readonly Seat[], attempt: Attempt): void {
  const { status, text } = reply;
  if (refusals.has(status)) return alone(seats);
  const codec = attempt.protocol.embedding;
  const json = status >= 200 && status < 300 ? parse(text) : undefined;
  const answer = json && codec?.decodeAnswer(json);
  if (!answer) {
    for (const seat of sharing(seats, attempt)) seat.answer.resolve(copyOf(reply, text));
    return alone(others(seats, attempt));
  }
  const members = seats.map(({ member }) => member);
  const answers = split(answer, members);
  if (!answers) return alone(seats);
  seats.forEach((seat, index) => {
    const { codec: own, request, operation } = seat.member;
    seat.answer.resolve(copyOf(reply, JSON.stringify(own.encodeAnswer(answers[index]!, request, operation))));
  });
}

/** Each for itself, as if there were no batches. */
function alone(seats: readonly Seat[]): void {
  for (const { member, answer, gone } of seats) {
    if (!gone) member.next().then(answer.resolve, answer.reject);
  }
}

function sharing(seats: readonly Seat[], { credential }: Attempt): readonly Seat[] {
  return seats.filter(({ member }) => member.attempt.credential.id === credential.id);
}

function others(seats: readonly Seat[], { credential }: Attempt): readonly Seat[] {
  return seats.filter(({ member }) => member.attempt.credential.id !== credential.id);
}

function copyOf({ status, headers }: Reply, text: string): Response {
  const copied = new Headers(headers);
  for (const name of ["content-length", "content-encoding", "transfer-encoding"]) copied.delete(name);
  return new Response(text, { status, headers: copied });
}

function parse(text: string): JsonObject | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as JsonObject) : undefined;
  } catch {
    // What is no JSON is no answer; the core reads the text for what it means.
    return undefined;
  }
}
