/** Reasoning and the format of the text. `form` notes what the canonical form says in another way. */
import type { GenerateRequest, Json, JsonObject } from "../canonical.ts";
import { type Effort, effortFor, efforts, type Reasoning } from "../reasoning.ts";
import { objectAnswerSchema } from "../schema-root.ts";
import { defined, isEmpty, isObject, without } from "./values.ts";

type Form = { [key: string]: Json };
type Format = NonNullable<GenerateRequest["format"]>;

/** `undefined` when there is nothing the canonical form can say; `form` then holds nothing either. */
export function decodeReasoning(value: Json | undefined, form: Form): Reasoning | undefined {
  if (!isObject(value)) return undefined;
  const effort = efforts.find((one) => one === value["effort"]);
  const visible = typeof value["summary"] === "string";
  if (effort === undefined && !visible) return undefined;
  form["reasoning"] = effort === undefined ? value : without(value, ["effort"]);
  return { ...(effort && { effort }), ...(visible && { visible }) };
}

export function encodeReasoning(reasoning: Reasoning | undefined, form: JsonObject): JsonObject | undefined {
  if (!reasoning) return undefined;
  const effort = reasoning.effort ?? effortOf(reasoning.budget);
  const own = form["reasoning"];
  if (isObject(own)) return { ...own, ...(effort && { effort }) };
  // OpenAI gives summaries to verified organisations only and refuses the others, so they are asked for on demand: by
  // word, or by a budget, as in protocols that show the thoughts they pay for.
  const shown = (reasoning.visible ?? reasoning.budget !== undefined) && effort !== "none";
  const fields = defined({ effort, summary: shown ? "auto" : undefined });
  return isEmpty(fields) ? undefined : fields;
}

/** A budget the model may choose itself is what it does without being told. */
function effortOf(budget: number | undefined): Effort | undefined {
  return budget === undefined || budget < 0 ? undefined : effortFor(budget);
}

/** `text` is taken apart: its format, and the rest of it. */
export function decodeFormat(text: Json | undefined, form: Form): Format | undefined {
  const value = isObject(text) ? text["format"] : undefined;
  if (!isObject(value)) return undefined;
  const { type, name, schema, strict } = value;
  const plain = type === "json_object";
  if (!plain && (type !== "json_schema" || typeof name !== "string" || !isObject(schema))) return undefined;
  const known = typeof strict === "boolean";
  form["format"] = without(value, ["type", ...(plain ? [] : ["name", "schema", ...(known ? ["strict"] : [])])]);
  if (plain) return { type: "json" };
  return {
    type: "json",
    ...(typeof name === "string" && { name }),
    ...(isObject(schema) && { schema }),
    ...(known && { strict }),
  };
}

export function encodeFormat(format: Format, form: JsonObject, own: boolean): JsonObject {
  const rest = isObject(form["format"]) ? form["format"] : {};
  const { strict } = format;
  if (format.schema === undefined) return { ...rest, type: "json_object" };
  const schema = own ? format.schema : objectAnswerSchema(format.schema);
  const name = (format.name ?? "").replace(/[^\w-]/g, "_").slice(0, 64);
  // A name is required here and not everywhere.
  return { ...rest, ...defined({ type: "json_schema", name: name === "" ? "response" : name, schema, strict }) };
}
