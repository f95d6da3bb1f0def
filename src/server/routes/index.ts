/** The core's own routes besides those of the protocols. */
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { Protocol } from "../../protocols/types.ts";
import type { Route } from "../route.ts";
import { adminRoutes, type AdminRoutesInit } from "./admin.ts";
import { costEstimate } from "./cost-estimate.ts";
import { anthropicModels, geminiModels, geminiRoutes } from "./client-models.ts";
import { health } from "./health.ts";
import { models } from "./models.ts";
import { providers } from "./providers.ts";
import { root } from "./root.ts";
import { tokenCount } from "./token-count.ts";

export interface RoutesInit extends AdminRoutesInit {
  readonly protocols: readonly Protocol[];
}

export function routesOf(pipeline: Pipeline, init: RoutesInit): { readonly [path: string]: Route } {
  const anthropic = anthropicModels(pipeline, init.protocols);
  const gemini = geminiModels(pipeline, init.protocols);
  const list = models(pipeline, { anthropic, gemini });
  return {
    ...adminRoutes(pipeline, init),
    ...geminiRoutes(gemini),
    "/": root(pipeline),
    "/health": health(pipeline),
    "/v1/cost-estimate": costEstimate(pipeline),
    "/v1/models": list.all,
    "/v1/models/**": list.one,
    "/v1/providers": providers(pipeline),
    "/v1/token-count": tokenCount(pipeline),
  };
}
