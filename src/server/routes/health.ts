/** `GET /health`: 200 once the proxy is ready, also without keys. */
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { Route } from "../route.ts";
import { keysByState } from "../key-states.ts";
import { json } from "../reply.ts";

export function health({ app }: Pipeline): Route {
  return {
    methods: { GET: (call) => json({ status: "ok", keys: keysByState(app) }, call.id) },
  };
}
