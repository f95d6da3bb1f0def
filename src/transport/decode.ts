/** Takes content codings off a body while it streams (RFC 9110, 8.4.1). */
import type { Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib";
import type { ProxyError } from "../failure/error.ts";
import type { Sink, Valve } from "./stream.ts";

type Format = (first: Uint8Array) => Transform;

const formats: { readonly [coding: string]: Format } = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  // The standard means a zlib stream; some servers send bare deflate data, which never starts with this nibble.
  deflate: (first) => ((first[0] ?? 0) % 16 === 8 ? createInflate() : createInflateRaw()),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
};

const mostCodings = 3;

/** The codings of a `content-encoding` header, outermost first; `undefined` when one is unknown or there are too many. */
export function codingsOf(header: string): readonly string[] | undefined {
  const codings = header
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity")
    .reverse();
  return codings.length <= mostCodings && codings.every((coding) => Object.hasOwn(formats, coding))
    ? codings
    : undefined;
}

/**
 * A sink that decodes what it is given. `open` gets the valve for the decoded body and returns where that goes; the
 * error for data that does not decode is made by `corrupt`.
 */
export function decode(
  codings: readonly string[],
  valve: Valve,
  open: (valve: Valve) => Sink,
  corrupt: (coding: string, cause: Error) => ProxyError,
): Sink {
  const [coding, ...rest] = codings;
  const format = coding === undefined ? undefined : formats[coding];
  if (coding === undefined || format === undefined) return open(valve);

  let decoder: Transform | undefined;
  let over = false;
  const destroy = (): void => {
    over = true;
    decoder?.destroy();
  };
  const target = decode(
    rest,
    {
      pause: () => decoder?.pause(),
      resume: () => decoder?.resume(),
      abort() {
        destroy();
        valve.abort();
      },
    },
    open,
    corrupt,
  );
  const create = (first: Uint8Array): Transform => {
    const made = format(first);
    made.on("data", (chunk: Uint8Array) => {
      if (!over) target.data(chunk);
    });
    made.on("drain", () => valve.resume());
    made.on("end", () => {
      if (!over) target.end();
      over = true;
    });
    made.on("error", (cause) => {
      if (over) return;
      destroy();
      target.error(corrupt(coding, cause));
      valve.abort();
    });
    return made;
  };

  return {
    data(chunk) {
      if (over) return;
      decoder ??= create(chunk);
      if (!decoder.write(chunk)) valve.pause();
    },
    end() {
      if (over) return;
      if (decoder === undefined) target.end();
      else decoder.end();
    },
    error(error) {
      if (over) return;
      if (decoder === undefined) {
        target.error(error);
        return;
      }
      // Decoding happens on another thread: what arrived before the cut is delivered before the cut is reported.
      decoder.write(new Uint8Array(0), () => {
        if (over) return;
        destroy();
        target.error(error);
      });
    },
  };
}
