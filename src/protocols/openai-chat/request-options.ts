/** Stop sequences, reasoning effort and answer format. `form` notes which of several spellings the client used. */
import type { GenerateRequest, Json, JsonObject } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { isArray, isEmpty, isObject, without } from "./values.ts";

type Form = { [key: string]: Json };
type Reasoning = NonNullable<GenerateRequest["reasoning"]>;
type Effort = NonNullable<Reasoning["effort"]>;
type Format = NonNullable<GenerateRequest["format"]>;

export function decodeStop(stop: Json | undefined, form: Form): readonly string[] | undefined {
  if (typeof stop === "string") {
    form["stop"] = "string";
    return [stop];
  }
  return isArray(stop) && stop.every((one) => typeof one === "string") ? stop : undefined;
}

export function encodeStop(stop: readonly string[], form: JsonObject): Json {
  return form["stop"] === "string" && stop.length === 1 && stop[0] !== undefined ? stop[0] : stop;
}

const efforts: readonly Effort[] = ["none", "minimal", "low", "medium", "high"];
/** OpenAI's reasoning guide: the highest effort is called `xhigh`; newer lists also name `max`. */
const highest = "xhigh";

export function decodeEffort(effort: Json | undefined, form: Form): Effort | undefined {
  if (effort === highest) return "max";
  if (effort === "max") {
    form["effort"] = "max";
    return "max";
  }
  return efforts.find((one) => one === effort);
}

/** The field to be spread; a budget in tokens becomes the effort nearest to it. */
export function encodeEffort(reasoning: Reasoning | undefined, form: JsonObject, lose: Emit<Loss>): JsonObject {
  if (!reasoning) return {};
  if (reasoning.budget !== undefined) lose({ what: "the reasoning budget in tokens", where: "reasoning.budget" });
  if (reasoning.visible !== undefined) lose({ what: "whether reasoning is shown", where: "reasoning.visible" });
  const effort = reasoning.effort ?? (reasoning.budget ? effortFor(reasoning.budget) : undefined);
  if (effort === undefined) return {};
  return { reasoning_effort: effort === "max" && form["effort"] !== "max" ? highest : effort };
}

function effortFor(budget: number): Effort {
  if (budget <= 2048) return "low";
  return budget <= 12_288 ? "medium" : "high";
}

const schemaFields = ["name", "schema", "strict"];

export function decodeFormat(value: Json | undefined, form: Form): Format | undefined {
  if (!isObject(value)) return undefined;
  const { type, json_schema: described } = value;
  const outer = without(value, ["type", "json_schema"]);
  if (type === "json_object" && described === undefined) {
    if (!isEmpty(outer)) form["format"] = { outer };
    return { type: "json" };
  }
  if (type !== "json_schema" || !isObject(described)) return undefined;
  const { name, schema, strict } = described;
  if (typeof name !== "string" || (schema !== undefined && !isObject(schema))) return undefined;
  const inner = without(described, strict === null ? ["name", "schema"] : schemaFields);
  if (strict !== undefined && strict !== null && typeof strict !== "boolean") return undefined;
  if (!isEmpty(outer) || !isEmpty(inner)) form["format"] = { outer, inner };
  return {
    type: "json",
    name,
    ...(schema && { schema }),
    ...(typeof strict === "boolean" && { strict }),
  };
}

export function encodeFormat({ name, schema, strict }: Format, form: JsonObject): JsonObject {
  const noted = isObject(form["format"]) ? form["format"] : {};
  const outer = isObject(noted["outer"]) ? noted["outer"] : {};
  const inner = isObject(noted["inner"]) ? noted["inner"] : {};
  if (schema === undefined && name === undefined) return { ...outer, type: "json_object" };
  const described: JsonObject = {
    ...inner,
    // The name is required here and nowhere else.
    name: name ?? "response",
    ...(schema && { schema }),
    ...(strict !== undefined && { strict }),
  };
  return { ...outer, type: "json_schema", json_schema: described };
}
