/** Stop sequences, reasoning effort and answer format. `form` notes which of several spellings the client used. */
import type { GenerateRequest, Json, JsonObject } from "../canonical.ts";
import { type Effort, effortFor, efforts, type Reasoning } from "../reasoning.ts";
import { objectAnswerSchema } from "../schema-root.ts";
import type { Emit, Loss } from "../types.ts";
import { isArray, isEmpty, isObject, without } from "./values.ts";

type Form = { [key: string]: Json };
type Format = NonNullable<GenerateRequest["format"]>;

export function decodeStop(stop: Json | undefined, form: Form): readonly string[] | undefined {
  if (typeof stop === "string") {
    form["stop"] = "string";
    return [stop];
  }
  return isArray(stop) && stop.every((one) => typeof one === "string") ? stop : undefined;
}

/** OpenAI API reference, "stop". */
const stopLimit = 4;

export function encodeStop(stop: readonly string[] | undefined, form: JsonObject, lose: Emit<Loss>): Json | undefined {
  if (form["stop"] === "string" && stop?.length === 1) return stop[0];
  if (!stop || form["own"]) return stop;
  if (stop.length > stopLimit) lose({ what: `stop sequences beyond the first ${stopLimit}`, where: "stop" });
  return stop.length > 0 ? stop.slice(0, stopLimit) : undefined;
}

export function decodeEffort(effort: Json | undefined): Effort | undefined {
  return efforts.find((one) => one === effort);
}

/** What stands for "as many tokens as the model finds right": the effort OpenAI's models have by default. */
const usualEffort: Effort = "medium";

/** The field to be spread; a budget in tokens becomes the effort nearest to it. */
export function encodeEffort(reasoning: Reasoning | undefined, lose: Emit<Loss>): JsonObject {
  if (!reasoning) return {};
  const { effort, budget, visible } = reasoning;
  if (visible === false) lose({ what: "that reasoning is not to be shown", where: "reasoning.visible" });
  if (effort !== undefined) return { reasoning_effort: effort };
  if (budget === undefined) return {};
  if (budget > 0) lose({ what: "the exact number of reasoning tokens", where: "reasoning.budget" });
  return { reasoning_effort: budget < 0 ? usualEffort : effortFor(budget) };
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
    ...(schema && { schema: form["own"] ? schema : objectAnswerSchema(schema) }),
    ...(strict !== undefined && { strict }),
  };
  return { ...outer, type: "json_schema", json_schema: described };
}

/** OpenAI refuses JSON mode when no message says "json" (its guide to structured outputs, "JSON mode"). */
export function askForJson(format: Format | undefined, messages: readonly Json[]): readonly Json[] {
  const named = !format || format.schema !== undefined || format.name !== undefined;
  if (named || /json/i.test(JSON.stringify(messages))) return messages;
  return [{ role: "system", content: "Answer with one JSON object." }, ...messages];
}
