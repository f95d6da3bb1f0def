/** `POST /v1/cost-estimate`: what so many tokens of a model cost, from the catalogue's prices. */
import { estimateCost } from "../../catalog/cost.ts";
import { priceFields } from "../../catalog/enriched.ts";
import { loadCatalog } from "../../catalog/load.ts";
import { describeNamed } from "../../catalog/target.ts";
import { ProxyError } from "../../failure/error.ts";
import { parseObject } from "../../pipeline/accept.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { JsonObject, Usage } from "../../protocols/canonical.ts";
import type { Route } from "../route.ts";
import { identify } from "../plugin-routes.ts";
import { bodyReader } from "../read-body.ts";
import { json } from "../reply.ts";

export function costEstimate(pipeline: Pipeline): Route {
  const { app } = pipeline;
  const protocol = app.protocol("openai-chat");
  return {
    methods: {
      async POST(call) {
        await identify(pipeline, protocol, call);
        const { model, usage } = readRequest(parseObject(await bodyReader(call.req, app.config.server.maxBody)()));
        const info = describeNamed(model, app.models, await loadCatalog());
        const cost = estimateCost(info, usage);
        const answer = {
          model,
          cost,
          currency: "USD",
          pricing: priceFields(info?.prices ?? null),
          source: cost === null ? "unknown" : "catalog",
          ...(cost === null && { error: `No price is known for the model ${JSON.stringify(model)}.` }),
        };
        return json(answer, call.id);
      },
    },
  };
}

/** `prompt_tokens` means what it means in OpenAI's usage: all of the input, whether cached or not. */
function readRequest(body: JsonObject): { readonly model: string; readonly usage: Usage } {
  const { model } = body;
  if (model === undefined || model === "") throw invalid("model", "Missing required parameter: 'model'.");
  if (typeof model !== "string") throw invalid("model", "Invalid type for 'model': expected a string.");
  const input = tokens(body, "prompt_tokens");
  const output = tokens(body, "completion_tokens");
  const cacheRead = tokens(body, "cache_read_tokens", 0);
  const cacheWrite = tokens(body, "cache_creation_tokens", 0);
  if (cacheRead + cacheWrite > input) {
    const message = `'prompt_tokens' counts cached tokens too, but ${input} is less than the ${cacheRead + cacheWrite} of them.`;
    throw invalid("prompt_tokens", message);
  }
  return { model, usage: { input, output, cacheRead, cacheWrite } };
}

/** A number of tokens. Without a default the field is required. */
function tokens(body: JsonObject, field: string, absent?: number): number {
  const value = body[field] ?? absent;
  if (value === undefined) throw invalid(field, `Missing required parameter: '${field}'.`);
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(field, `Invalid value for '${field}': expected a whole number of tokens.`);
}

function invalid(param: string, message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", param, message });
}
