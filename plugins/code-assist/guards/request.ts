/** Places of a Gemini request (Gemini API reference, `GenerateContentRequest`), read and changed without touching others. */
import type { Json, JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";

export function itemsOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : value === undefined || value === null ? [] : [value];
}

export function objectsOf(value: Json | undefined): readonly JsonObject[] {
  return itemsOf(value).filter((each): each is JsonObject => isObject(each));
}

/** What the client has declared, over all entries of `tools`. */
export function declarationsOf(request: JsonObject): readonly JsonObject[] {
  return objectsOf(request["tools"]).flatMap((entry) => objectsOf(entry["functionDeclarations"]));
}

/** The request itself when every declaration stays as it is. */
export function withDeclarations(request: JsonObject, change: (one: JsonObject) => JsonObject): JsonObject {
  let changed = false;
  const tools = objectsOf(request["tools"]).map((entry) => {
    if (entry["functionDeclarations"] === undefined) return entry;
    const functionDeclarations = objectsOf(entry["functionDeclarations"]).map((one) => {
      const now = change(one);
      changed ||= now !== one;
      return now;
    });
    return { ...entry, functionDeclarations };
  });
  return changed ? { ...request, tools } : request;
}

/** The JSON Schema or `Schema` of a declaration's arguments, and the field it stands in. */
export function schemaOf(declaration: JsonObject): { readonly key: string; readonly schema: JsonObject } | undefined {
  for (const key of ["parametersJsonSchema", "parameters"]) {
    const schema = declaration[key];
    if (isObject(schema)) return { key, schema };
  }
  return undefined;
}

/** The request itself when every part stays as it is. `undefined` leaves a part out, and a content that has none left. */
export function withParts(
  request: JsonObject,
  change: (part: JsonObject, content: JsonObject) => JsonObject | undefined,
): JsonObject {
  let changed = false;
  const contents = objectsOf(request["contents"]).flatMap((content): JsonObject[] => {
    const before = objectsOf(content["parts"]);
    const parts = before.flatMap((part) => change(part, content) ?? []);
    if (parts.length === before.length && parts.every((part, at) => part === before[at])) return [content];
    changed = true;
    return parts.length === 0 ? [] : [{ ...content, parts }];
  });
  return changed ? { ...request, contents } : request;
}

/** Words for the model, before those of the client or behind them. */
export function withInstruction(request: JsonObject, text: string, place: "before" | "behind"): JsonObject {
  const { systemInstruction } = request;
  const own = { text };
  if (typeof systemInstruction === "string") {
    return withInstruction({ ...request, systemInstruction: { parts: [{ text: systemInstruction }] } }, text, place);
  }
  const given = isObject(systemInstruction) ? systemInstruction : { role: "user" };
  const parts = objectsOf(given["parts"]);
  return {
    ...request,
    systemInstruction: { ...given, parts: place === "before" ? [own, ...parts] : [...parts, own] },
  };
}
