/** A stream as one JSON array of messages, which is what Gemini's clients get without `alt=sse`. */
import { encodeFrame, parseFrame, type Sse } from "../wire/sse.ts";
import type { StreamPath } from "./path.ts";

export interface JsonArrayStream {
  /** The same way through the proxy, with the array around and between its messages. */
  readonly path: StreamPath;
  /** The last messages of a stream that fails, the end of the array included. */
  close(messages: readonly Sse[]): string;
  /** A stream that is complete already. */
  whole(frames: string): string;
}

export function jsonArrayStream(inner: StreamPath | undefined): JsonArrayStream {
  let begun = false;
  const items = (frames: string): string => {
    let text = "";
    for (const block of frames.split(/\r\n\r\n|\n\n|\r\r/)) {
      const message = block === "" ? undefined : parseFrame(Buffer.from(`${block}\n\n`));
      if (!message) continue;
      text += (begun ? ",\r\n" : "[") + message.data;
      begun = true;
    }
    return text;
  };
  const end = (): string => (begun ? "]" : "[]");
  return {
    path: {
      rewrite(frame) {
        const bytes = inner ? inner.rewrite(frame) : frame;
        return bytes && Buffer.from(items(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()));
      },
      tail: () => Buffer.from(items(Buffer.from(inner?.tail() ?? []).toString()) + end()),
    },
    close: (messages) => items(messages.map(encodeFrame).join("")) + end(),
    whole: (frames) => items(frames) + end(),
  };
}
