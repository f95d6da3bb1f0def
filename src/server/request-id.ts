/** The id of a request: the client's own if it is sane, else one made here. */
import type { Runtime } from "../runtime.ts";

const sane = /^[A-Za-z0-9._:-]{1,128}$/;

export function requestId(headers: Headers, runtime: Runtime): string {
  const given = headers.get("x-request-id");
  if (given !== null && sane.test(given)) return given;
  return piece(runtime.random()) + piece(runtime.random());
}

/** Six letters and digits out of a number in [0, 1). */
function piece(random: number): string {
  return Math.floor(random * 36 ** 6)
    .toString(36)
    .padStart(6, "0");
}
