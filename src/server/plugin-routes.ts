/** Routes that plugins bring: behind authentication unless they are declared public. */
import type { EventHandler } from "h3";
import { toResponse } from "h3";
import type { Principal } from "../plugin/context.ts";
import { authenticate } from "../pipeline/auth.ts";
import { RequestState } from "../pipeline/context.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { withId } from "../pipeline/with-id.ts";
import type { Protocol } from "../protocols/types.ts";
import type { Call, Route } from "./route.ts";

export function pluginRoute(
  pipeline: Pipeline,
  protocol: Protocol,
  method: string,
  handler: EventHandler,
  open: boolean,
): Route {
  return {
    methods: {
      async [method](call) {
        if (!open) await identify(pipeline, protocol, call);
        const result: unknown = await handler(call.event);
        return withId((await toResponse(result, call.event)) as Response, call.id);
      },
    },
  };
}

/** Runs the auth hooks for a route that makes no upstream call. Throws a 401 when all decline. */
export async function identify(pipeline: Pipeline, protocol: Protocol, call: Call): Promise<Principal | undefined> {
  const { app, hooks } = pipeline;
  const state = new RequestState({ app, req: call.req, id: call.id, protocol, operation: "models", ip: call.ip });
  return authenticate(app, hooks, state.ctx);
}
