/** Reads a request body as text, no further than it may be long. */
import type { IncomingMessage } from "node:http";
import { ProxyError } from "../failure/error.ts";

/** Bodies that cannot be JSON by their own account. curl's default for `-d` is let through: many examples use it. */
const refusedTypes = /^(multipart\/|text\/(html|xml)|application\/(xml|octet-stream|pdf)|image\/|audio\/|video\/)/i;

/** Returns the reader for one request. It rejects with a `ProxyError` of status 413, 415 or 400. */
export function bodyReader(req: Request, limit: number): () => Promise<string> {
  return async () => {
    const type = req.headers.get("content-type") ?? "";
    if (refusedTypes.test(type)) {
      throw new ProxyError({
        kind: "invalid_request",
        status: 415,
        message: `The content type ${JSON.stringify(type.slice(0, 100))} cannot be used here. Send application/json.`,
      });
    }
    refuseCoding(req);
    const length = Number(req.headers.get("content-length"));
    if (length > limit) throw tooLarge(limit);
    const node = nodeRequestOf(req);
    const before = readBefore(req, node);
    if (before !== undefined) {
      if (Buffer.byteLength(before) > limit) throw tooLarge(limit);
      return typeof before === "string" ? before : Buffer.from(before).toString("utf8");
    }
    try {
      // `req.text()` reads a Node request in one go but knows no limit here, so it serves when the length is known.
      if (!node || (Number.isFinite(length) && length > 0)) return await readText(req, limit, length > 0);
      return await readNode(node, limit);
    } catch (error) {
      if (ProxyError.is(error)) throw error;
      throw new ProxyError({ kind: "aborted", message: "The request's body broke off.", cause: error });
    }
  };
}

/** What Node received, where the request came over a Node server. */
export function nodeRequestOf(req: Request): IncomingMessage | undefined {
  return (req as { runtime?: { node?: { req?: IncomingMessage } } }).runtime?.node?.req;
}

/** Throws a `ProxyError` of status 415 for a compressed body. */
export function refuseCoding({ headers }: Request): void {
  const coding = headers.get("content-encoding") ?? "identity";
  if (coding === "identity") return;
  throw new ProxyError({
    kind: "invalid_request",
    status: 415,
    message: `The content encoding ${JSON.stringify(coding.slice(0, 100))} cannot be used here. Send the body as it is.`,
  });
}

/**
 * What a body parser of the host has read already, if it kept the bytes or the text. From a parsed value the original
 * cannot be had again: its large numbers are rounded.
 */
export function readBefore(
  req: Request,
  node: (IncomingMessage & ParsedBody) | undefined,
): string | Uint8Array | undefined {
  if (node?.rawBody === undefined && !node?.readableEnded && !req.bodyUsed) return undefined;
  for (const kept of [node?.rawBody, node?.body]) {
    if (typeof kept === "string" || kept instanceof Uint8Array) return kept;
  }
  throw new ProxyError({
    kind: "invalid_request",
    status: 500,
    code: "internal_error",
    message:
      "The request's body was read before it came to the proxy. Mount the proxy before body parsers, as express.json() is one.",
  });
}

/** Where body parsers for Node leave what they read. */
interface ParsedBody {
  readonly rawBody?: unknown;
  readonly body?: unknown;
}

async function readText(req: Request, limit: number, bounded: boolean): Promise<string> {
  if (bounded) return req.text();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (req.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function readNode(req: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop must not destroy the request: with it would go the connection that the refusal is sent on.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > limit) break;
    chunks.push(chunk);
  }
  if (size > limit) {
    // Node throws the rest of a body away only when nobody has begun to read it.
    req.resume();
    throw tooLarge(limit);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The error for a body that is longer than it may be. */
export function tooLarge(limit: number): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    status: 413,
    code: "request_too_large",
    // What is left of the body is received and thrown away: most clients read an answer only after they have sent all.
    message: `The body is larger than ${limit} bytes. Send less, or raise server.maxBody.`,
  });
}
