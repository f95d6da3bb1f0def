/** The core's own routes besides those of the protocols. */
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { Route } from "../route.ts";
import { adminRoutes, type AdminRoutesInit } from "./admin.ts";
import { costEstimate } from "./cost-estimate.ts";
import { health } from "./health.ts";
import { models } from "./models.ts";
import { providers } from "./providers.ts";
import { root } from "./root.ts";
import { tokenCount } from "./token-count.ts";

export function routesOf(pipeline: Pipeline, init: AdminRoutesInit): { readonly [path: string]: Route } {
  const list = models(pipeline);
  return {
    ...adminRoutes(pipeline, init),
    "/": root(pipeline),
    "/health": health(pipeline),
    "/v1/cost-estimate": costEstimate(pipeline),
    "/v1/models": list.all,
    "/v1/models/**": list.one,
    "/v1/providers": providers(pipeline),
    "/v1/token-count": tokenCount(pipeline),
  };
}
