/** `GET /v1/models` and `/v1/models/{id}`: the OpenAI shape, and in it what is known about each model. */
import { FastResponse } from "srvx";
import type { ModelEntry } from "../../candidates/models.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import { enrichedFields } from "../../catalog/enriched.ts";
import { loadCatalog } from "../../catalog/load.ts";
import { mayUse, permitted } from "../../pipeline/permission.ts";
import type { Principal } from "../../plugin/context.ts";
import { ProxyError } from "../../failure/error.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { App } from "../../plugin/app.ts";
import type { Target } from "../../plugin/context.ts";
import type { Call, Route } from "../route.ts";
import { identify } from "../plugin-routes.ts";
import { json } from "../reply.ts";

interface Named {
  readonly provider: string;
  readonly model: string;
}

export function models(pipeline: Pipeline): { readonly all: Route; readonly one: Route } {
  const { app } = pipeline;
  const protocol = app.protocol("openai-chat");
  // Nobody knows when an upstream made a model; the start of this process is at least stable for a client's cache.
  const created = Math.floor(app.runtime.clock.now() / 1000);
  const bare = ({ id, ownedBy }: ModelEntry): object => ({ id, object: "model", created, owned_by: ownedBy });
  const shaped = (entry: ModelEntry, target: Named | undefined, catalog: Catalog | undefined): object =>
    catalog ? { ...bare(entry), ...enrichedFields(target, catalog) } : bare(entry);
  const wanted = (call: Call): Promise<Catalog> | undefined =>
    call.url.searchParams.get("enriched") === "false" ? undefined : loadCatalog();

  /** Texts of the list by whether it is described, as long as the list is the same. */
  let kept: { readonly list: readonly ModelEntry[]; readonly texts: Map<boolean, string> } | undefined;
  const render = (list: readonly ModelEntry[], catalog: Catalog | undefined): string =>
    JSON.stringify({ object: "list", data: list.map((entry) => shaped(entry, targetOf(app, entry), catalog)) });
  const listText = (catalog: Catalog | undefined, principal: Principal | undefined): string => {
    const list = app.models.list();
    if (principal?.models) {
      return render(
        list.filter(({ id }) => mayUse(principal, id)),
        catalog,
      );
    }
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
          const principal = await identify(pipeline, protocol, call);
          const id = decodeId(call.rest ?? "");
          const listed = app.models.list().find((entry) => entry.id === id);
          // A name that resolves is usable although no list has it; one that does not is a 404 with the nearest names.
          const [target] = permitted(principal, id, app.models.resolve(id));
          const entry = listed ?? { id, ownedBy: target!.provider.name };
          return json(shaped(entry, named(target), await wanted(call)), call.id);
        },
      },
    },
  };
}

/** What an entry of the list stands for: of an alias, its first target. */
function targetOf(app: App, { id, ownedBy }: ModelEntry): Named | undefined {
  // Looking thousands of names up would push those out of the memory that requests use.
  if (!app.models.isAlias(id)) return { provider: ownedBy, model: id.slice(ownedBy.length + 1) };
  try {
    return named(app.models.resolve(id)[0]);
  } catch (error) {
    // An alias is listed also when a filter forbids all its targets, or nobody lists them.
    if (ProxyError.is(error)) return undefined;
    throw error;
  }
}

function named(target: Target | undefined): Named | undefined {
  return target && { provider: target.provider.name, model: target.model };
}

function decodeId(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new ProxyError({
      kind: "invalid_request",
      param: "model",
      message: "The model's name is not valid percent-encoding.",
    });
  }
}
