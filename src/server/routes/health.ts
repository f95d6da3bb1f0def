/** `GET /health`: 200 once the proxy is ready, also without keys. */
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { Route } from "../route.ts";
import { keysByState } from "../key-states.ts";
import { json } from "../reply.ts";

export function health({ app }: Pipeline): Route {
  return {
    methods: {
      GET: (call) => {
        const { trouble } = app.database ?? {};
        // Requests are served all the same, so the status stays; who watches sees that a restart would forget.
        const database = trouble && { state: trouble.kind, since: new Date(trouble.since).toISOString() };
        // Why it is away names hosts, which are not for everybody; the log has it.
        const shared = app.state.health?.();
        const state = shared && (shared.ok ? { state: "ok" } : { state: "away", limits: "per process" });
        return json(
          {
            status: "ok",
            keys: keysByState(app),
            ...(app.database && { database: database ?? { state: "ok" } }),
            ...(state && { state }),
          },
          call.id,
        );
      },
    },
  };
}
