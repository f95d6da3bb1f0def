/** The signature that iFlow's service wants of every request. */
import { createHmac } from "node:crypto";

export interface Signed {
  /** As it is sent in `user-agent`. */
  readonly agent: string;
  /** As it is sent in `session-id`. */
  readonly session: string;
  /** Epoch milliseconds. */
  readonly time: number;
}

/** HMAC-SHA256 with the key of the request, in lower-case hex. */
export function signatureOf(key: string, { agent, session, time }: Signed): string {
  return createHmac("sha256", key).update(`${agent}:${session}:${time}`).digest("hex");
}

/** Random, version 4 (RFC 9562 5.4). */
export function uuid(random: () => number): string {
  return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replaceAll(/[xy]/g, (mark) =>
    (mark === "x" ? Math.floor(random() * 16) : 8 + Math.floor(random() * 4)).toString(16),
  );
}
