/** Turns what a socket, the resolver, TLS or undici reports into a `ProxyError` that may be shown. */
import { ProxyError } from "../failure/error.ts";

/** Whom a request goes to, for messages: origins only, never a path, query, header or proxy password. */
export interface Place {
  readonly origin: string;
  readonly proxy?: string;
}

/** How far the request had come. */
export type Phase = "connect" | "headers" | "body";

const closedCodes = new Set(["UND_ERR_DESTROYED", "UND_ERR_CLOSED"]);
const resetCodes = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE", "ECONNABORTED"]);

/** What to do about it, where one can say. */
const fixes: { readonly [code: string]: string } = {
  ECONNREFUSED: "Check that the server runs and that the port is right.",
  ENOTFOUND: "Check the host name and the name server.",
  EAI_AGAIN: "Check the name server.",
  SELF_SIGNED_CERT_IN_CHAIN: "Add the certificate authority with NODE_EXTRA_CA_CERTS.",
  DEPTH_ZERO_SELF_SIGNED_CERT: "Add the certificate with NODE_EXTRA_CA_CERTS.",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "Add the missing certificate authority with NODE_EXTRA_CA_CERTS.",
  UND_ERR_HEADERS_OVERFLOW: "Its response headers are larger than this proxy accepts.",
};

/** True when the connection went away, as opposed to never having been there or carrying nonsense. */
export function isReset(error: unknown): boolean {
  return resetCodes.has(codeOf(error));
}

/** The error for a request that the network, and not an answer, ended. */
export function networkError(place: Place, phase: Phase, error: unknown): ProxyError {
  const code = codeOf(error);
  if (closedCodes.has(code)) return new ProxyError({ kind: "aborted", message: "The transport has been closed." });
  if (phase === "connect" && code === "UND_ERR_INVALID_ARG") {
    return new ProxyError({
      kind: "internal",
      message: `The request to ${nameOf(place)} cannot be sent: ${textOf(error)}.`,
    });
  }
  const fix = fixes[code];
  return new ProxyError({
    kind: "network",
    message: `${whatHappened(place, phase)}: ${textOf(error)}.${fix === undefined ? "" : ` ${fix}`}`,
    reset: phase === "headers" && isReset(error),
    // undici's parser errors carry the bytes they stumbled over, which are no business of a log.
    cause: error instanceof Error && error.name === "HTTPParserError" ? undefined : error,
  });
}

/** The error for a limit that ran out. */
export function timeoutError(place: Place, limit: "connect" | "headers", ms: number): ProxyError {
  const what = limit === "connect" ? "no connection" : "no response headers";
  return new ProxyError({ kind: "timeout", message: `${nameOf(place)}: ${what} within ${ms} ms (limit "${limit}").` });
}

export function abortedError(place: Place): ProxyError {
  return new ProxyError({ kind: "aborted", message: `The request to ${nameOf(place)} was aborted.` });
}

/** The error for an answer that cannot be read: the upstream's fault, not the network's. */
export function answerError(place: Place, problem: string, cause?: unknown): ProxyError {
  return new ProxyError({ kind: "upstream", message: `${nameOf(place)} ${problem}.`, cause });
}

function nameOf({ origin, proxy }: Place): string {
  return proxy === undefined ? origin : `${origin} (by the proxy ${proxy})`;
}

function whatHappened(place: Place, phase: Phase): string {
  if (phase === "connect") return `Cannot connect to ${nameOf(place)}`;
  if (phase === "headers") return `${nameOf(place)} did not answer properly`;
  return `${nameOf(place)} broke off in the middle of its answer`;
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

function textOf(error: unknown): string {
  // Trying several addresses of one host ends in an aggregate whose own message is empty.
  const inner = error instanceof AggregateError ? error.errors.map(textOf).join("; ") : "";
  const text = inner || (error instanceof Error ? error.message : String(error));
  const code = codeOf(error);
  return code === "" || text.includes(code) ? text : `${text} (${code})`;
}
