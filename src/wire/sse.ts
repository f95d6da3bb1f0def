/**
 * Server-sent events as bytes. The splitter runs for every byte of every stream, so it only looks for line ends, with
 * native search, and hands out views; reading fields is left to whoever needs them. Grammar: WHATWG HTML, section
 * "Server-sent events".
 */
import { ProxyError } from "../failure/error.ts";

/** One server-sent event, decoded. Several `data:` lines are joined with a line feed. */
export interface Sse {
  readonly event?: string;
  readonly data: string;
  readonly id?: string;
}

/** Cuts a byte stream into complete events. One per stream: it keeps the unfinished tail. */
export interface FrameSplitter {
  /**
   * Emits each event that is complete now, its blank line included. Frames joined are the bytes pushed; a frame is a
   * view into `chunk` unless the event began in an earlier one. A blank line's last byte may come as a frame of its own. Throws a `ProxyError` of kind `upstream` when the
   * unfinished tail is larger than the limit.
   */
  push(chunk: Uint8Array, emit: (frame: Uint8Array) => void): void;
  /** The tail without a blank line: after the end of the stream an event of its own, if `parseFrame` reads one. */
  rest(): Uint8Array | undefined;
  /** Lets go of the tail: whoever keeps the splitter must not keep megabytes with it. Nothing may be pushed afterwards. */
  release(): void;
}

const lineFeed = 10;
const carriageReturn = 13;

/** A splitter that holds at most `limit` bytes of an unfinished event. */
export function frameSplitter(limit: number): FrameSplitter {
  const tail = new GrowingBytes();
  let atLineStart = true;
  let afterCarriageReturn = false;

  return {
    push(chunk, emit) {
      const size = chunk.length;
      if (size === 0) return;
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, size);
      let frameStart = 0;
      // A line feed right after the carriage return that ended the last chunk belongs to that line end.
      let position = afterCarriageReturn && bytes[0] === lineFeed ? 1 : 0;
      let lineStart = atLineStart || position === 1 ? position : -1;
      // Where that line end was the end of an event, it goes out at once and not with the next event, which somebody may
      // take out of the stream.
      if (position === 1 && tail.size === 0 && atLineStart) {
        frameStart = 1;
        emit(bytes.subarray(0, 1));
      }
      let feed = find(bytes, lineFeed, position);
      let carriage = find(bytes, carriageReturn, position);
      while (feed < size || carriage < size) {
        const lineEnd = feed < carriage ? feed : carriage;
        position = carriage === lineEnd && feed === lineEnd + 1 ? lineEnd + 2 : lineEnd + 1;
        if (lineEnd === lineStart) {
          const piece = bytes.subarray(frameStart, position);
          frameStart = position;
          emit(tail.size === 0 ? piece : tail.take(piece));
        }
        lineStart = position;
        if (feed < position) feed = find(bytes, lineFeed, position);
        if (carriage < position) carriage = find(bytes, carriageReturn, position);
      }
      afterCarriageReturn = bytes[size - 1] === carriageReturn;
      atLineStart = lineStart === size;
      if (frameStart === size) return;
      if (tail.size + size - frameStart > limit) throw tooLarge(limit);
      tail.add(bytes.subarray(frameStart));
    },
    rest() {
      return tail.size === 0 ? undefined : tail.view();
    },
    release: () => tail.clear(),
  };
}

/** Where `byte` is next, or past the end. */
function find(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at === -1 ? Number.MAX_SAFE_INTEGER : at;
}

function tooLarge(limit: number): ProxyError {
  return new ProxyError({
    kind: "upstream",
    message: `The upstream's stream holds an event of more than ${limit} bytes without an end; it was given up.`,
  });
}

const nothing = Buffer.alloc(0);

/** Doubles its room, so that a frame that comes byte by byte costs linear time. */
class GrowingBytes {
  size = 0;
  #room = nothing;

  add(piece: Buffer): void {
    if (this.size + piece.length > this.#room.length) {
      const larger = Buffer.allocUnsafe(Math.max(256, 2 * (this.size + piece.length)));
      this.#room.copy(larger, 0, 0, this.size);
      this.#room = larger;
    }
    piece.copy(this.#room, this.size);
    this.size += piece.length;
  }

  /** What was added, then `last`, in memory nobody else holds; afterwards empty. */
  take(last: Buffer): Buffer {
    this.add(last);
    const all = this.#room.subarray(0, this.size);
    this.clear();
    return all;
  }

  view(): Buffer {
    return this.#room.subarray(0, this.size);
  }

  clear(): void {
    this.#room = nothing;
    this.size = 0;
  }
}

const byteOrderMark = 0xfeff;

/** Reads one complete event. `undefined` for comments, blank lines and events without data, which clients ignore. */
export function parseFrame(frame: Uint8Array): Sse | undefined {
  const text = frameText(frame);
  // Nearly every event is one `data:` line, its end and a blank line.
  const end = text.length - 2;
  if (text.slice(0, 5) === "data:" && text.indexOf("\n") === end && text.endsWith("\n\n") && !text.includes("\r")) {
    return { data: text.slice(text.charCodeAt(5) === 32 ? 6 : 5, end) };
  }
  let data: string | undefined;
  let event: string | undefined;
  let id: string | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":");
    if (colon === 0 || line === "") continue;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1);
    if (name === "data") data = data === undefined ? value : `${data}\n${value}`;
    else if (name === "event") event = value;
    else if (name === "id") id = value;
  }
  if (data === undefined) return undefined;
  return { ...(event && { event }), data, ...(id !== undefined && { id }) };
}

/** True for an event that holds nothing but comments: it proves that the link is alive, not that the model is. */
export function isComment(frame: Uint8Array): boolean {
  const lines = frameText(frame).split(/\r\n|\n|\r/);
  return lines.some((line) => line.startsWith(":")) && lines.every((line) => line === "" || line.startsWith(":"));
}

/** The text of one frame, without a byte order mark. */
export function frameText(frame: Uint8Array): string {
  const text = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString("utf8");
  return text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text;
}

/** The event as text, blank line included. */
export function encodeFrame(sse: Sse): string {
  const head = (sse.event ? `event: ${sse.event}\n` : "") + (sse.id === undefined ? "" : `id: ${sse.id}\n`);
  const data = /[\r\n]/.test(sse.data) ? sse.data.split(/\r\n|\n|\r/).join("\ndata: ") : sse.data;
  return `${head}data: ${data}\n\n`;
}
