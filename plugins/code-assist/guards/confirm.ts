/** A parameter for functions that have none, which some models never call or call with broken arguments. */
import type { JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { schemaOf, withDeclarations } from "./request.ts";
import type { ToolGuard } from "./tool-guard.ts";

const name = "_confirm";

const parameters: JsonObject = {
  type: "object",
  properties: { [name]: { type: "string", description: 'Always "yes": this function takes no other argument.' } },
  required: [name],
};

/** `key` is the field in which the service takes schemas. The parameter is taken out of the calls of the answer. */
export function confirmedTools(request: JsonObject, key: "parameters" | "parametersJsonSchema"): ToolGuard {
  const changed = withDeclarations(request, (one) => {
    const found = schemaOf(one);
    if (found && !isBare(found.schema)) return one;
    const { parameters: _, parametersJsonSchema: __, ...rest } = one;
    return { ...rest, [key]: parameters };
  });
  if (changed === request) return { request };
  return {
    request: changed,
    call(call) {
      const { args } = call;
      if (!isObject(args) || !(name in args) || Object.keys(args).length > 1) return call;
      return { ...call, args: {} };
    },
  };
}

/** An object of which no property is described: `$ref` and the like may describe some. */
function isBare(schema: JsonObject): boolean {
  const { properties } = schema;
  if (isObject(properties) && Object.keys(properties).length > 0) return false;
  return !["$ref", "anyOf", "oneOf", "allOf", "patternProperties"].some((key) => key in schema);
}
