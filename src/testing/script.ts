/**
 * What a scripted upstream does with one request, as plain data. A `Step` is a `Reply`, or a function that chooses one
 * from the request. The same steps play over a socket (`createUpstream`) and in virtual time (`virtualTransport`).
 */
import type { JsonObject } from "../protocols/canonical.ts";

/** What a step may look at. */
export interface ScriptRequest {
  /** 0 for the first request of this upstream. */
  readonly index: number;
  readonly method: string;
  /** With the query, as it came. */
  readonly path: string;
  /** Names in lower case; repeated headers joined as node:http does. */
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  /** Throws `SyntaxError` when the body is not JSON. */
  readonly json: JsonObject;
  /** From `authorization: Bearer`, `x-api-key`, `x-goog-api-key` or `?key=`. */
  readonly key: string | undefined;
  /** From the body, if it is JSON and names one. */
  readonly model: string | undefined;
  /** Whether the body asks for a stream. */
  readonly stream: boolean;
  /** True when the connection has served another request before. */
  readonly reused: boolean;
}

/** Holds a reply back until the test opens it. Replaces sleeps. */
export interface Gate {
  readonly kind: "gate";
  readonly opened: Promise<void>;
  /** Resolves when a reply has come to the gate: everything before it is written. */
  readonly reached: Promise<void>;
  open(): void;
  /** Called by whatever plays the reply. */
  arrive(): void;
}

/** Milliseconds: real ones over a socket, virtual ones in a virtual transport. */
export interface Pause {
  readonly kind: "pause";
  readonly ms: number;
}

/** Repeated, as fast as the reader takes it, until the reader leaves. */
export interface Forever {
  readonly kind: "forever";
  readonly bytes: Uint8Array;
}

export type Wait = Gate | Pause;
/** A part of a body: bytes go out as one write and, where the body is chunked, as one HTTP chunk. */
export type Piece = Uint8Array | Wait | Forever;

/**
 * How a reply ends. `complete` as HTTP wants it; `close` the same, and the connection right after; `hang` never;
 * `destroy` closes the socket where the reply stands (FIN); `reset` does so with RST.
 */
export type Ending = "complete" | "close" | "hang" | "destroy" | "reset";

export interface ReplyHeaders {
  readonly [name: string]: string | readonly string[];
}

export interface Reply {
  /** Waits before the status line. */
  readonly before: readonly Wait[];
  /** Absent: no HTTP is written at all; the body goes to the socket as it is, and the socket dies with the reply. */
  readonly head: { readonly status: number; readonly headers: ReplyHeaders } | undefined;
  readonly body: readonly Piece[];
  readonly end: Ending;
  /** Compresses the body on its way out, flushed after every piece. */
  readonly encoding?: "gzip" | "br";
}

export type Step = Reply | ((request: ScriptRequest) => Step);

/** Follows functions until there is a reply. */
export function resolveStep(step: Step, request: ScriptRequest): Reply {
  return typeof step === "function" ? resolveStep(step(request), request) : step;
}

/** A gate, closed. */
export function gate(): Gate {
  const opened = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  return {
    kind: "gate",
    opened: opened.promise,
    reached: reached.promise,
    open: opened.resolve,
    arrive: reached.resolve,
  };
}

export function pause(ms: number): Pause {
  return { kind: "pause", ms };
}

/** An endless piece of body. */
export function forever(text: string): Forever {
  return { kind: "forever", bytes: Buffer.from(text) };
}

/** A whole answer: a text is sent as it is (HTML if it looks like it), a value as JSON. */
export function status(code: number, body?: string | object, headers: ReplyHeaders = {}): Reply {
  const bytes = Buffer.from(body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body));
  const type = typeof body !== "string" ? "application/json" : /^\s*</.test(body) ? "text/html" : "text/plain";
  const typed: ReplyHeaders = body === undefined ? {} : { "content-type": type };
  return {
    before: [],
    head: { status: code, headers: { ...typed, "content-length": String(bytes.length), ...headers } },
    body: bytes.length === 0 ? [] : [bytes],
    end: "complete",
  };
}

/** A page as gateways in front of an upstream send it. */
export function html(code = 200, title = "Just a moment..."): Reply {
  return status(code, `<!doctype html><html><head><title>${title}</title></head><body>${title}</body></html>`);
}

export function redirect(location: string, code = 307): Reply {
  return status(code, undefined, { location });
}

/** Bytes straight onto the socket: broken, slow or oversized HTTP. The socket is closed afterwards. */
export function raw(pieces: readonly (string | Piece)[], end: Ending = "destroy"): Reply {
  return { before: [], head: undefined, body: pieces.map(toPiece), end };
}

/** Status line, wait, headers, wait, empty line: headers that take their time. The answer is an empty JSON object. */
export function slowHeaders(...waits: readonly Wait[]): Reply {
  const rest = "content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n";
  return raw(["HTTP/1.1 200 OK\r\n", ...waits, rest, ...waits, "\r\n{}"]);
}

/** Takes the request and never says a word. */
export function silence(): Reply {
  return raw([], "hang");
}

/** Closes the connection without an answer (FIN). */
export function drop(): Reply {
  return raw([], "destroy");
}

/** Resets the connection without an answer (RST). */
export function reset(): Reply {
  return raw([], "reset");
}

/** What a kept connection does that died while idle: it answers on a fresh one and drops a second request. */
export function dropReused(step: Step, how: "destroy" | "reset" = "destroy"): Step {
  return (request) => (request.reused ? raw([], how) : step);
}

/** Lets `limit` requests through per key (or per `by`), then answers `over`: quotas and shared organisation limits. */
export function limited(
  limit: number,
  within: Step,
  options: { readonly over: Step; readonly by?: (request: ScriptRequest) => string },
): Step {
  const counts = new Map<string, number>();
  return (request) => {
    const who = options.by?.(request) ?? request.key ?? "";
    const count = (counts.get(who) ?? 0) + 1;
    counts.set(who, count);
    return count > limit ? options.over : within;
  };
}

export function toPiece(piece: string | Piece): Piece {
  return typeof piece === "string" ? Buffer.from(piece) : piece;
}
