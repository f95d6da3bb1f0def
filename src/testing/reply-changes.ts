/** Steps made from steps: the same reply later, cut, split, compressed or with other headers. */
import type { Ending, Piece, Reply, ReplyHeaders, Step, Wait } from "./script.ts";

/** Changes whatever reply the step comes to. */
export function change(step: Step, edit: (reply: Reply) => Reply): Step {
  return typeof step === "function" ? (request) => change(step(request), edit) : edit(step);
}

/** The reply after waits: a hang before headers is `later(step, gate())`. */
export function later(step: Step, ...waits: readonly Wait[]): Step {
  return change(step, (reply) => ({ ...reply, before: [...waits, ...reply.before] }));
}

/** Sets headers; an empty list of values removes one. */
export function withHeaders(step: Step, headers: ReplyHeaders): Step {
  return change(step, (reply) => {
    if (!reply.head) return reply;
    const merged: { [name: string]: string | readonly string[] } = { ...reply.head.headers, ...headers };
    for (const [name, value] of Object.entries(merged))
      if (value.length === 0 && typeof value !== "string") delete merged[name];
    return { ...reply, head: { ...reply.head, headers: merged } };
  });
}

/** `count` headers of `size` bytes each: too many for a reader, or too big. */
export function manyHeaders(count: number, size = 16): ReplyHeaders {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-filler-${index}`, "f".repeat(size)]));
}

/** Compresses the body. */
export function encoded(step: Step, encoding: "gzip" | "br"): Step {
  return change(withHeaders(step, { "content-length": [], "content-encoding": encoding }), (reply) => ({
    ...reply,
    encoding,
  }));
}

/** How the bytes of a body are divided into writes; sizes are used in turn and the last one repeats. */
export type Split = "whole" | "byte" | number | readonly number[];

/** Divides the body anew. A declared length goes, so that every write is an HTTP chunk of its own. */
export function split(step: Step, by: Split): Step {
  return change(withHeaders(step, { "content-length": [] }), (reply) => ({ ...reply, body: divide(reply.body, by) }));
}

/** The pieces with the bytes between two waits joined and divided as asked. */
export function divide(pieces: readonly Piece[], by: Split): Piece[] {
  const sizes = by === "whole" ? [Infinity] : by === "byte" ? [1] : typeof by === "number" ? [by] : by;
  if (sizes.length === 0 || sizes.some((size) => !(size >= 1))) throw new RangeError("split: sizes are numbers from 1");
  const out: Piece[] = [];
  let run: Uint8Array[] = [];
  const flush = (): void => {
    const bytes = Buffer.concat(run);
    run = [];
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = sizes[Math.min(turn, sizes.length - 1)] ?? 1;
      out.push(bytes.subarray(at, at + size));
      at += size;
    }
  };
  for (const piece of pieces) {
    if (piece instanceof Uint8Array) run.push(piece);
    else {
      flush();
      out.push(piece);
    }
  }
  flush();
  return out;
}

/**
 * Where a body stops: after so many bytes; `json` between a key and its value, as late as possible; `code-point`
 * after the first byte of the first character outside ASCII.
 */
export type CutPlace = number | "json" | "code-point";

/**
 * Stops the body early. `destroy` and `reset` kill the connection there, `hang` leaves it open, `complete` ends the
 * body as if nothing were missing (a declared length is then taken away, because HTTP would not allow it).
 */
export function cut(step: Step, place: CutPlace, how: Ending = "destroy"): Step {
  const declared: Step = how === "complete" || how === "close" ? withHeaders(step, { "content-length": [] }) : step;
  return change(declared, (reply) => ({
    ...reply,
    body: keep(reply.body, placeOf(reply.body, place)),
    end: how,
  }));
}

/** Headers, then nothing more. */
export function hangAfterHeaders(step: Step): Step {
  return cut(step, 0, "hang");
}

function placeOf(pieces: readonly Piece[], place: CutPlace): number {
  if (typeof place === "number") return place;
  const bytes = Buffer.concat(pieces.filter((piece) => piece instanceof Uint8Array));
  const at = place === "json" ? bytes.lastIndexOf('":') + 1 : bytes.findIndex((byte) => byte >= 0xc2);
  if (at < 1 && place === "json") throw new Error("cut: the body has no JSON member to cut in");
  if (at < 0) throw new Error("cut: the body has no character outside ASCII to cut in");
  return at + 1;
}

function keep(pieces: readonly Piece[], length: number): Piece[] {
  const out: Piece[] = [];
  let left = length;
  for (const piece of pieces) {
    if (left <= 0) break;
    if (!(piece instanceof Uint8Array)) out.push(piece);
    else {
      out.push(piece.subarray(0, left));
      left -= piece.length;
    }
  }
  return out;
}
