/** A message of the model, as items of a request: messages, reasoning, calls. */
import type { Json, JsonObject, Part } from "../canonical.ts";
import type { Emit, Loss } from "../types.ts";
import { describe, encodePart } from "./content-encode.ts";
import { writeSeal } from "./seal.ts";
import { bareName } from "./tool-names.ts";
import { isObject, parseObject, protocolId, readMeta } from "./values.ts";

type Reasoning = Extract<Part, { type: "reasoning" }>;

export function encodeAnswer(parts: readonly Part[], lose: Emit<Loss>): readonly Json[] {
  const items: Json[] = [];
  let said: Part[] = [];
  let thoughts: Reasoning[] = [];
  const settle = (): void => {
    if (said.length > 0) items.push(encodeSaid(said, lose));
    if (thoughts.length > 0) items.push(...encodeReasoning(thoughts, lose));
    said = [];
    thoughts = [];
  };
  for (const part of parts) {
    const { form } = readMeta("meta" in part ? part.meta : undefined);
    if (part.type === "text") {
      if (thoughts.length > 0 || form["item"] !== undefined) settle();
      said.push(part);
    } else if (part.type === "reasoning") {
      // Of several pieces of one item only the last is sealed.
      if (said.length > 0 || thoughts.at(-1)?.seal || form["item"] !== undefined) settle();
      thoughts.push(part);
    } else {
      settle();
      const item = encodeOther(part, form, lose);
      if (item !== undefined) items.push(item);
    }
  }
  settle();
  return items;
}

function encodeSaid(parts: readonly Part[], lose: Emit<Loss>): Json {
  const [first] = parts;
  const { form } = readMeta(first?.type === "text" ? first.meta : undefined);
  const plain = first?.type === "text" && !first.refusal && parts.length === 1 ? first : undefined;
  const asText = form["content"] === "text" || !plain?.meta?.[protocolId];
  return {
    ...(form["item"] === undefined || form["easy"] ? {} : { type: "message" }),
    ...(isObject(form["item"]) && form["item"]),
    role: "assistant",
    content: plain && asText ? plain.text : parts.flatMap((part) => encodePart(part, "assistant", lose) ?? []),
  };
}

/** Reasoning is of use to none but its maker, and only with the seal; without one it has to be known by its id. */
function encodeReasoning(parts: readonly Reasoning[], lose: Emit<Loss>): readonly Json[] {
  const { form } = readMeta(parts[0]?.meta);
  const seal = parts.at(-1)?.seal;
  if (!seal && (form["item"] === undefined || form["sealed"])) {
    lose({ what: "reasoning without a signature of this provider", where: "assistant message" });
    return [];
  }
  const texts = (place: "summary" | "content"): Json[] => {
    const type = place === "content" ? "reasoning_text" : "summary_text";
    return parts.flatMap(({ text, meta }) => {
      const here = readMeta(meta).form["in"] === "content" ? "content" : "summary";
      return here === place && text !== "" ? [{ type, text }] : [];
    });
  };
  const content = texts("content");
  return [
    {
      ...(isObject(form["item"]) && form["item"]),
      type: "reasoning",
      ...(form["summary"] !== "absent" && { summary: texts("summary") }),
      ...((content.length > 0 || form["content"] === "parts") && { content }),
      ...(seal && { encrypted_content: writeSeal(seal, "own") }),
    },
  ];
}

function encodeOther(part: Part, form: JsonObject, lose: Emit<Loss>): Json | undefined {
  const rest = isObject(form["item"]) ? form["item"] : {};
  if (part.type === "tool-call") {
    const { id, input } = part;
    const name = bareName(part.name, form);
    if (form["custom"]) return { ...rest, type: "custom_tool_call", call_id: id, name, input: freeText(input) };
    const empty = input === "" && form["item"] === undefined;
    return { ...rest, type: "function_call", call_id: id, name, arguments: empty ? "{}" : input };
  }
  if (part.type === "opaque" && part.protocol === protocolId && isObject(part.value)) {
    const { item } = part.value;
    if (item !== undefined) return item;
  }
  if (part.type === "media" && form["item"] !== undefined && "data" in part.source) {
    return { ...rest, type: "image_generation_call", result: part.source.data };
  }
  lose({ what: describe(part), where: "assistant message" });
  return undefined;
}

/** The free text inside of the arguments that stand for it; a model may also have written it as it is. */
export function freeText(input: string): string {
  const text = parseObject(input)?.["input"];
  return typeof text === "string" ? text : input;
}
