/** Reads event streams in tests the way a client would, with the time at which every event came. */
import type { JsonObject } from "../protocols/canonical.ts";
import { frameSplitter, parseFrame } from "../wire/sse.ts";

export interface ReadEvent {
  /** Absent for events without a name. */
  readonly event?: string;
  readonly data: string;
  readonly id?: string;
  /** When its last byte came; `performance.now()` unless another clock is given. */
  readonly at: number;
  /** The data as JSON; `undefined` when it is not an object, as with `[DONE]`. */
  readonly json: JsonObject | undefined;
  /** The frame as it came, its blank line included. */
  readonly frame: string;
}

export interface ReadEventsOptions {
  /** Milliseconds; for instance `clock.now`. */
  readonly now?: () => number;
  /** Also yields frames that carry no event, as comments do; their data is empty. */
  readonly comments?: boolean;
  /** Bytes of one frame at most. Default 16 MiB. */
  readonly limit?: number;
}

/** Events as they come. Throws what the body throws; an incomplete last frame is an error, as clients drop it. */
export async function* readEvents(
  response: Response,
  options: ReadEventsOptions = {},
): AsyncGenerator<ReadEvent, void> {
  if (!response.body) return;
  const now = options.now ?? (() => performance.now());
  const splitter = frameSplitter(options.limit ?? 16 * 1024 * 1024);
  for await (const chunk of response.body) {
    const at = now();
    const events: ReadEvent[] = [];
    splitter.push(chunk, (frame) => {
      const sse = parseFrame(frame);
      if (sse || options.comments) events.push(toEvent(sse ?? { data: "" }, frame, at));
    });
    yield* events;
  }
  const rest = Buffer.from(splitter.rest() ?? []).toString();
  if (rest.trim()) throw new Error(`the stream ended inside a frame: ${JSON.stringify(rest.slice(0, 200))}`);
}

/** All events of a stream. */
export async function allEvents(response: Response, options: ReadEventsOptions = {}): Promise<ReadEvent[]> {
  const events: ReadEvent[] = [];
  for await (const event of readEvents(response, options)) events.push(event);
  return events;
}

/** The text of an OpenAI chat stream: every `choices[].delta.content` joined. */
export function textOfEvents(events: readonly ReadEvent[]): string {
  return events.map((event) => contentOf(event.json)).join("");
}

function contentOf(json: JsonObject | undefined): string {
  const choices = json?.["choices"] as readonly { delta?: { content?: string | null } }[] | undefined;
  return (choices ?? []).map((choice) => choice.delta?.content ?? "").join("");
}

function toEvent(sse: { event?: string; data: string; id?: string }, frame: Uint8Array, at: number): ReadEvent {
  return { ...sse, at, json: objectOf(sse.data), frame: Buffer.from(frame).toString() };
}

function objectOf(data: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    // Data need not be JSON: the terminator is not, and broken events are what some tests are about.
    return undefined;
  }
}
