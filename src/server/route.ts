/** What the server hangs up under a path, and what it gives to it. */
import type { H3Event } from "h3";

/** Something a path answers. */
export interface Route {
  readonly methods: { readonly [method: string]: (call: Call) => Promise<Response> | Response };
  /** Whether there is anything at what `**` stands for, for whatever method. Absent: always. */
  readonly exists?: (rest: string) => boolean;
}

/** One request on its way to a route. */
export interface Call {
  readonly event: H3Event;
  readonly req: Request;
  readonly url: URL;
  readonly id: string;
  readonly ip: string | undefined;
  /** What a `**` in the route's path stands for, decoded. */
  readonly rest: string | undefined;
}
