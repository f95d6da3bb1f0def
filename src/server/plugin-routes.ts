/** Routes that plugins bring: behind authentication unless they are declared public. */
import type { EventHandler, H3Event } from "h3";
import { toResponse } from "h3";
import type { Principal } from "../plugin/context.ts";
import type { MaybePromise } from "../plugin/provider.ts";
import { authenticate } from "../pipeline/auth.ts";
import { RequestState } from "../pipeline/context.ts";
import type { Pipeline } from "../pipeline/pipeline.ts";
import { withId } from "../pipeline/with-id.ts";
import type { Protocol } from "../protocols/types.ts";
import type { Call, Route } from "./route.ts";

/** What a plugin's route knows of who calls it. */
export interface RouteCaller {
  /** Of the request, as in the `x-request-id` of the answer. */
  readonly id: string;
  /** `undefined` for a public route, and where nobody has to say who they are. */
  readonly principal: Principal | undefined;
  readonly ip: string | undefined;
}

/** Of an event that a plugin's route is given. */
export function routeCaller(event: H3Event): RouteCaller {
  return event.context["waygate"] as RouteCaller;
}

export function pluginRoute(
  method: string,
  handler: EventHandler,
  access: (call: Call) => MaybePromise<Principal | undefined>,
): Route {
  return {
    methods: {
      async [method](call) {
        const principal = await access(call);
        call.event.context["waygate"] = { id: call.id, principal, ip: call.ip } satisfies RouteCaller;
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
