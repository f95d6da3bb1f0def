/** Streams of which the client gets nothing before they are complete. */
import type { Context } from "../plugin/context.ts";

/** Bytes of one answer that are held for a client that only asks for it by its header. */
const HOLD_LIMIT = 16 * 1024 * 1024;

/** Bytes up to which this answer is held; `undefined` = it is given as it comes. */
export function holdOf({ delivery, req }: Context): number | undefined {
  return delivery?.hold ?? (req.headers.get("x-waygate-whole-answer") === "on" ? HOLD_LIMIT : undefined);
}
