import { type Fixtures, fixturesOf } from "../fixtures.ts";

export const { requests, bodies, streams }: Fixtures = fixturesOf("gemini");

/** A request for what follows `/models/` in a path. */
export function requestFor(rest: string): Request {
  return new Request(`http://localhost/v1beta/models/${rest}`, { method: "POST" });
}
