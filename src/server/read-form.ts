/** A form's bytes as they arrive: pulled, so that a slow upstream slows its client down. */
import type { IncomingMessage } from "node:http";
import { ProxyError } from "../failure/error.ts";
import type { ByteSource, FormInit } from "../pipeline/forward/upload.ts";
import { nodeRequestOf, readBefore, refuseCoding, tooLarge } from "./read-body.ts";

/** Returns what reads the request's form, or `undefined` when it is none. */
export function formReader(req: Request, limit: number): (() => FormInit) | undefined {
  const contentType = req.headers.get("content-type") ?? "";
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(contentType)) return undefined;
  return () => {
    refuseCoding(req);
    const declared = req.headers.get("content-length");
    const length = declared === null ? undefined : Number(declared);
    if (length !== undefined && length > limit) throw tooLarge(limit);
    const node = nodeRequestOf(req);
    const before = readBefore(req, node);
    const source = before === undefined ? (node ? nodeBytes(node) : webBytes(req)) : heldBytes(Buffer.from(before));
    return { contentType, length, source, tooLarge: (size) => (size > limit ? tooLarge(limit) : undefined) };
  };
}

function nodeBytes(req: IncomingMessage): ByteSource {
  let closed = false;
  let wake = (): void => {};
  const wakeUp = (): void => wake();
  for (const event of ["readable", "end", "error", "close"]) req.on(event, wakeUp);
  return {
    async read() {
      for (;;) {
        if (closed) throw brokenOff();
        const chunk = req.read() as Buffer | null;
        if (chunk !== null) return chunk;
        if (req.readableEnded) return undefined;
        if (req.destroyed) throw brokenOff(req.errored);
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    close() {
      if (closed) return;
      closed = true;
      wake();
      // What is left is received and thrown away: most clients read an answer only after they have sent all.
      wake = () => {
        while (req.read() !== null);
      };
      wake();
    },
  };
}

function webBytes(req: Request): ByteSource {
  const reader = req.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  return {
    async read() {
      try {
        return (await reader?.read())?.value;
      } catch (error) {
        throw brokenOff(error);
      }
    },
    close: () => void reader?.cancel().catch(ignoreAfterCancel),
  };
}

function heldBytes(bytes: Uint8Array): ByteSource {
  let rest: Uint8Array | undefined = bytes;
  return {
    read() {
      const chunk = rest;
      rest = undefined;
      return Promise.resolve(chunk);
    },
    close() {},
  };
}

/** Nobody reads a body that was cancelled, so what its producer then throws concerns nobody. */
function ignoreAfterCancel(): void {}

function brokenOff(cause?: unknown): ProxyError {
  return new ProxyError({ kind: "aborted", message: "The request's body broke off.", cause });
}
