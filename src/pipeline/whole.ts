/** Whole answers: checked before anything is sent, and given in the form the client asked for. */
import { ProxyError } from "../failure/error.ts";
import type { JsonObject, StreamEvent } from "../protocols/canonical.ts";
import type { Probe } from "../protocols/types.ts";
import { responseHeaders } from "../transport/headers.ts";
import { parseFrame } from "../wire/sse.ts";
import { type Answer, failedInside, type OnEnd } from "./answer.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";
import { emptyAnswerOf } from "./empty.ts";
import { readFrames } from "./frames.ts";
import type { CompiledHooks } from "./hooks.ts";
import { jsonArrayStream } from "./json-array.ts";
import { eventStream, eventWriter, isPlain, jsonStream, rewriteOf } from "./path.ts";
import { readAll, type Source, tooLarge } from "./source.ts";

/** Bytes of a whole answer at most. */
const WHOLE_LIMIT = 256 * 1024 * 1024;

export interface WholeCall {
  readonly state: RequestState;
  readonly hooks: CompiledHooks;
  readonly attempt: RunningAttempt;
  readonly source: Source;
  readonly onEnd: OnEnd;
}

/** A body that is one JSON value. A client that asked for a stream gets it as a stream that is complete already. */
export async function receiveWhole(call: WholeCall): Promise<Answer> {
  const { state, hooks, attempt, source, onEnd } = call;
  const { body, json } = await readObject(attempt, source);
  const probe = attempt.protocol.probe({
    dropUsage: false,
    seals: state.sealsShared && attempt.protocol === state.ctx.protocol,
  });
  probe.body(json);
  if (probe.error) throw failedInside(attempt, source, probe.error.text, probe.error.status);
  const empty = emptyAnswerOf(state, attempt)?.(probe);
  if (empty) throw empty;
  if (state.stream || !isPlain(state, hooks, attempt)) {
    return encode(call, probe, (emit) => attempt.protocol.decoder().body(json, emit));
  }
  const path = pathOf(body);
  return finished(attempt, { headers: jsonHeaders(source), body, path, seen: () => probe }, onEnd);
}

/** How a whole body gets to the client: text is what the provider has had its hand on. */
export function pathOf(body: string | Uint8Array): "messages" | "bytes" {
  return typeof body === "string" ? "messages" : "bytes";
}

/** The whole body as the provider makes it out to be, and as it came. Rejects when it is no JSON object. */
export async function readObject(
  attempt: RunningAttempt,
  source: Source,
): Promise<{ readonly text: string; readonly body: string | Uint8Array; readonly json: JsonObject }> {
  const bytes = await readAll(source, WHOLE_LIMIT, () => attempt.watchdog.progress());
  const text = bytes.toString("utf8");
  const body = rewritten(attempt, text) ?? bytes;
  const json = parseObject(typeof body === "string" ? body : text);
  // Whatever is no JSON object here (a page, an empty body, half an answer) is a failure of the upstream.
  if (!json) throw failedInside(attempt, source, text);
  return { text, body, json };
}

/** A stream though a whole answer was asked for: nothing is sent before its end, so another may still answer. */
export async function foldStream(call: WholeCall): Promise<Answer> {
  const { state, attempt, source } = call;
  const probe = attempt.protocol.probe({
    dropUsage: false,
    seals: state.sealsShared && attempt.protocol === state.ctx.protocol,
  });
  const decoder = attempt.protocol.decoder();
  const events: StreamEvent[] = [];
  const collect = (event: StreamEvent): void => void events.push(event);
  let size = 0;
  await new Promise<void>((resolve, reject) => {
    const reader = readFrames(
      {
        attempt,
        source,
        probe,
        rewrite: rewriteOf(attempt),
        inBand: (text, status) => failedInside(attempt, source, text, status),
      },
      {
        frame(frame) {
          size += frame.byteLength;
          if (size > WHOLE_LIMIT) throw tooLarge(WHOLE_LIMIT);
          const message = parseFrame(frame);
          if (message) decoder.message(message, collect);
        },
        last() {
          const empty = emptyAnswerOf(state, attempt)?.(probe);
          if (empty) throw empty;
          decoder.end(collect);
        },
        end: (failure) => (failure ? reject(failure) : resolve()),
      },
    );
    reader.start();
  });
  const failed = events.find((event) => event.type === "error");
  if (failed) throw failed.error;
  return encode(call, probe, (emit) => events.forEach(emit));
}

/** Events to one body, or to a stream that is complete already. */
function encode(call: WholeCall, probe: Probe, play: (emit: (event: StreamEvent) => void) => void): Answer {
  const { state, hooks, attempt, source, onEnd } = call;
  const writer = eventWriter(state, hooks, attempt);
  play(writer.event);
  writer.end();
  const headers = jsonHeaders(source);
  const answer = state.stream
    ? wholeStream(state, headers, writer.take())
    : { headers, body: JSON.stringify(writer.encoder.body()) };
  return finished(attempt, { ...answer, path: "events", seen: () => probe }, onEnd);
}

/** A stream that is complete already. */
function wholeStream(
  { framing }: RequestState,
  headers: Answer["headers"],
  frames: string,
): Pick<Answer, "headers" | "body"> {
  if (framing === "json-array")
    return { headers: { ...headers, ...jsonStream }, body: jsonArrayStream(undefined).whole(frames) };
  return { headers: { ...headers, ...eventStream }, body: frames };
}

/** Commits a whole answer. */
export function finished(attempt: RunningAttempt, answer: Omit<Answer, "status">, onEnd: OnEnd): Answer {
  attempt.committed = true;
  attempt.firstByteAt = attempt.ctx.app.runtime.clock.now();
  onEnd({ how: "complete" }, Buffer.byteLength(answer.body as string | Uint8Array));
  return { status: 200, ...answer };
}

/** The upstream's headers that may go on, for a body that is JSON. */
export function jsonHeaders(source: Source): { [name: string]: string } {
  const headers = responseHeaders(source.headers);
  headers["content-type"] = "application/json";
  return headers;
}

/** `undefined` when the provider has no hand on it. */
function rewritten(attempt: RunningAttempt, text: string): string | undefined {
  try {
    const rewriter = attempt.provider.rewrite?.(attempt);
    return rewriter && (rewriter.body?.(text) ?? text);
  } catch (error) {
    if (ProxyError.is(error)) throw error;
    // A provider may find no envelope where an upstream failed; the text itself then says what is wrong, or is no
    // answer of the protocol, which is a failure as well.
    return text;
  }
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as JsonObject) : undefined;
  } catch {
    // No JSON is as good as JSON of another kind: the caller takes both for a failure.
    return undefined;
  }
}
