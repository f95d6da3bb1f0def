/** The list of models for clients of Anthropic's and of Gemini's API. Absent where nobody brings the protocol. */
import { loadCatalog } from "../../catalog/load.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { ModelEntry } from "../../candidates/models.ts";
import type { ModelInfo } from "../../catalog/model-info.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { Protocol } from "../../protocols/types.ts";
import { anthropicModel, anthropicPage } from "../anthropic-models.ts";
import { geminiModel, geminiPage } from "../gemini-models.ts";
import { identify } from "../plugin-routes.ts";
import { json } from "../reply.ts";
import type { Call, Route } from "../route.ts";
import { decodeModel, type NamedModel, targetOf, visibleModel, visibleModels } from "../visible-models.ts";

export interface ClientModels {
  all(call: Call): Promise<Response>;
  one(call: Call): Promise<Response>;
}

interface Shape {
  model(entry: ModelEntry, target: NamedModel | undefined, info: ModelInfo | undefined): object;
  /** The page a query asks for, with `write` for each entry of it. */
  page(list: readonly ModelEntry[], query: URLSearchParams, write: (entry: ModelEntry) => object): object;
}

export function anthropicModels(pipeline: Pipeline, protocols: readonly Protocol[]): ClientModels | undefined {
  return listing(pipeline, named(protocols, "anthropic"), {
    model: (entry, _, info) => anthropicModel(entry, info),
    page(list, query, write) {
      const { entries, hasMore } = anthropicPage(list, query);
      return {
        data: entries.map(write),
        has_more: hasMore,
        first_id: entries[0]?.id ?? null,
        last_id: entries.at(-1)?.id ?? null,
      };
    },
  });
}

export function geminiModels(pipeline: Pipeline, protocols: readonly Protocol[]): ClientModels | undefined {
  return listing(pipeline, named(protocols, "gemini"), {
    model: geminiModel,
    page(list, query, write) {
      const { entries, nextPageToken } = geminiPage(list, query);
      return { models: entries.map(write), ...(nextPageToken !== undefined && { nextPageToken }) };
    },
  });
}

/** `GET /v1beta/models` and `/v1beta/models/{id}`. */
export function geminiRoutes(models: ClientModels | undefined): { readonly [path: string]: Route } {
  if (!models) return {};
  return {
    "/v1beta/models": { methods: { GET: models.all } },
    "/v1beta/models/**": { methods: { GET: models.one } },
  };
}

function listing(pipeline: Pipeline, protocol: Protocol | undefined, shape: Shape): ClientModels | undefined {
  const { app } = pipeline;
  if (!protocol) return undefined;
  const write = (entry: ModelEntry, target: NamedModel | undefined, catalog: Catalog): object =>
    shape.model(entry, target, target && catalog.lookup(target.provider, target.model));
  return {
    async all(call) {
      const principal = await identify(pipeline, protocol, call);
      const catalog = await loadCatalog();
      const list = visibleModels(app, principal);
      const page = shape.page(list, call.url.searchParams, (entry) => write(entry, targetOf(app, entry), catalog));
      return json(page, call.id);
    },
    async one(call) {
      const principal = await identify(pipeline, protocol, call);
      const { entry, target } = visibleModel(app, principal, decodeModel(call.rest ?? ""));
      return json(write(entry, target, await loadCatalog()), call.id);
    },
  };
}

function named(protocols: readonly Protocol[], id: string): Protocol | undefined {
  return protocols.find((protocol) => protocol.id === id);
}
