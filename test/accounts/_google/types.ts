/** What the parts of the fake of Google have in common. */
import type { IncomingHttpHeaders } from "node:http";

export interface Asked {
  readonly method: string;
  /** Without the query and, for the service, with the host's name in front: `/prod/v1internal:loadCodeAssist`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
  /** Pieces are written one after the other. */
  readonly body: string | readonly (string | Uint8Array)[];
  /** True: the connection is cut after the last piece. */
  readonly cut?: boolean;
}

export type Fields = { readonly [name: string]: unknown };

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

export function json(status: number, body: unknown): Answer {
  return { status, headers: { "content-type": "application/json; charset=UTF-8" }, body: JSON.stringify(body) };
}

/** An error of a Google service. */
export function failure(code: number, status: string, message: string, details?: readonly unknown[]): Answer {
  return json(code, { error: { code, message, status, ...(details && { details }) } });
}

/** Google's `ErrorInfo`. */
export function info(reason: string, metadata: Fields = {}, domain = "cloudcode-pa.googleapis.com"): Fields {
  return { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain, metadata };
}
