/** Scripted server-sent events: frames, comments, gates, and the ways in which upstreams get the framing wrong. */
import { type Split, split } from "./reply-changes.ts";
import {
  type Gate,
  type Forever,
  type Pause,
  type Piece,
  pause,
  type Reply,
  type ReplyHeaders,
  type Step,
} from "./script.ts";

/** An event with a name, as Anthropic and the Responses API send them. */
export interface NamedEvent {
  readonly kind: "event";
  readonly event: string;
  readonly data: string;
}

export interface Comment {
  readonly kind: "comment";
  readonly text: string;
}

/** A text is the data of an event as it stands, an object its JSON; bytes are written verbatim. */
export type Frame = string | object | NamedEvent | Comment | Gate | Pause | Forever | Uint8Array;

export interface StreamOptions {
  /** Milliseconds between frames. */
  readonly delay?: number;
  /** How the bytes are written. Default: one write per frame. */
  readonly chunk?: Split;
  /** Leaves `[DONE]` out. */
  readonly noDone?: boolean;
  /** Text after everything else, as it is: garbage behind `[DONE]`, a frame without its blank line. */
  readonly tail?: string;
  /** Lines end with CR LF. */
  readonly crlf?: boolean;
  /** `data:` without the optional space. */
  readonly noSpace?: boolean;
  /** A comment before every frame; its text, or `keep-alive`. */
  readonly comments?: boolean | string;
  readonly status?: number;
  readonly headers?: ReplyHeaders;
}

export function namedEvent(event: string, data: string | object): NamedEvent {
  return { kind: "event", event, data: typeof data === "string" ? data : JSON.stringify(data) };
}

export function comment(text = "keep-alive"): Comment {
  return { kind: "comment", text };
}

/** A chat chunk whose content is `bytes` letters, for limits on the size of one event. */
export function bigFrame(bytes: number): object {
  return { object: "chat.completion.chunk", choices: [{ index: 0, delta: { content: "b".repeat(bytes) } }] };
}

/** An event stream, closed by `[DONE]` as OpenAI-compatible upstreams do. */
export function stream(frames: readonly Frame[], options: StreamOptions = {}): Step {
  const all = options.noDone ? frames : [...frames, "[DONE]"];
  const body: Piece[] = [];
  for (const frame of all) {
    if (options.delay && body.length > 0) body.push(pause(options.delay));
    if (options.comments && !isKind(frame, waits)) {
      body.push(framed(comment(options.comments === true ? undefined : options.comments), options));
    }
    body.push(framed(frame, options));
  }
  if (options.tail) body.push(Buffer.from(options.tail));
  const reply: Reply = {
    before: [],
    head: {
      status: options.status ?? 200,
      headers: { "content-type": "text/event-stream", "cache-control": "no-cache", ...options.headers },
    },
    body,
    end: "complete",
  };
  return options.chunk === undefined ? reply : split(reply, options.chunk);
}

const waits: ReadonlySet<unknown> = new Set(["gate", "pause", "forever"]);
const special: ReadonlySet<unknown> = new Set(["event", "comment"]);

function isKind(frame: Frame, kinds: ReadonlySet<unknown>): boolean {
  return typeof frame === "object" && "kind" in frame && kinds.has(frame.kind);
}

function framed(frame: Frame, options: StreamOptions): Piece {
  if (frame instanceof Uint8Array) return frame;
  if (isKind(frame, waits)) return frame as Piece;
  const space = options.noSpace ? "" : " ";
  const named = isKind(frame, special) ? (frame as NamedEvent | Comment) : undefined;
  const lines: string[] = [];
  if (named?.kind === "comment") lines.push(`: ${named.text}`);
  else {
    if (named) lines.push(`event:${space}${named.event}`);
    const data = named ? named.data : typeof frame === "string" ? frame : JSON.stringify(frame);
    for (const line of data.split("\n")) lines.push(`data:${space}${line}`);
  }
  const newline = options.crlf ? "\r\n" : "\n";
  return Buffer.from(lines.join(newline) + newline + newline);
}
