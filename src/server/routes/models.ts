/** `GET /v1/models` and `/v1/models/{id}`: in OpenAI's shape what is known about each model, or in the client's own. */
import { FastResponse } from "srvx";
import type { ModelEntry } from "../../candidates/models.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import { enrichedFields } from "../../catalog/enriched.ts";
import { loadCatalog } from "../../catalog/load.ts";
import type { Principal } from "../../plugin/context.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { anthropicHeader, geminiHeader } from "../client-protocol.ts";
import type { Call, Route } from "../route.ts";
import { identify } from "../plugin-routes.ts";
import { json } from "../reply.ts";
import { decodeModel, type NamedModel, targetOf, visibleModel, visibleModels } from "../visible-models.ts";
import type { ClientModels } from "./client-models.ts";

/** The list in the shapes of other protocols' clients, where there are such. */
export interface OtherModels {
  readonly anthropic: ClientModels | undefined;
  readonly gemini: ClientModels | undefined;
}

export function models(pipeline: Pipeline, others: OtherModels): { readonly all: Route; readonly one: Route } {
  const { app } = pipeline;
  const protocol = app.protocol("openai-chat");
  const shapeFor = ({ req: { headers } }: Call): ClientModels | undefined => {
    if (headers.has(anthropicHeader)) return others.anthropic;
    return headers.has(geminiHeader) ? others.gemini : undefined;
  };
  // Nobody knows when an upstream made a model; the start of this process is at least stable for a client's cache.
  const created = Math.floor(app.runtime.clock.now() / 1000);
  const bare = ({ id, ownedBy }: ModelEntry): object => ({ id, object: "model", created, owned_by: ownedBy });
  const shaped = (entry: ModelEntry, target: NamedModel | undefined, catalog: Catalog | undefined): object =>
    catalog ? { ...bare(entry), ...enrichedFields(target, catalog) } : bare(entry);
  const wanted = (call: Call): Promise<Catalog> | undefined =>
    call.url.searchParams.get("enriched") === "false" ? undefined : loadCatalog();

  /** Texts of the list by whether it is described, as long as the list is the same. */
  let kept: { readonly list: readonly ModelEntry[]; readonly texts: Map<boolean, string> } | undefined;
  const render = (list: readonly ModelEntry[], catalog: Catalog | undefined): string =>
    JSON.stringify({ object: "list", data: list.map((entry) => shaped(entry, targetOf(app, entry), catalog)) });
  const listText = (catalog: Catalog | undefined, principal: Principal | undefined): string => {
    const list = visibleModels(app, principal);
    if (principal?.models) return render(list, catalog);
    if (kept?.list !== list) kept = { list, texts: new Map() };
    let text = kept.texts.get(catalog !== undefined);
    if (text === undefined) {
      text = render(list, catalog);
      kept.texts.set(catalog !== undefined, text);
    }
    return text;
  };

  return {
    all: {
      methods: {
        async GET(call) {
          const other = shapeFor(call);
          if (other) return other.all(call);
          const principal = await identify(pipeline, protocol, call);
          return new FastResponse(listText(await wanted(call), principal), {
            headers: { "content-type": "application/json", "x-request-id": call.id },
          });
        },
      },
    },
    one: {
      methods: {
        async GET(call) {
          const other = shapeFor(call);
          if (other) return other.one(call);
          const principal = await identify(pipeline, protocol, call);
          const { entry, target } = visibleModel(app, principal, decodeModel(call.rest ?? ""));
          return json(shaped(entry, target, await wanted(call)), call.id);
        },
      },
    },
  };
}
