/** Answers that no upstream gave. */
import { FastResponse } from "srvx";

/** A JSON answer of our own. */
export function json(body: unknown, id: string, status = 200): Response {
  return new FastResponse(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "x-request-id": id },
  });
}
