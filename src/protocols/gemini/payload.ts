/** The responses in one message of a stream: usually one; some gateways send a list of them, or a text that holds one. */
import type { Json, JsonObject } from "../canonical.ts";
import { camelCasedObject, maySnake } from "./spelling.ts";
import { isArray, isObject } from "./values.ts";

/** Empty for what is not JSON: what to do with it is the caller's affair. */
export function payloads(text: string): readonly JsonObject[] {
  const json = parsed(text);
  const value = typeof json === "string" ? parsed(json) : json;
  const list = isArray(value) ? value.filter(isObject) : isObject(value) ? [value] : [];
  return maySnake(text) ? list.map(camelCasedObject) : list;
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // Broken JSON from an upstream is an expected value here.
    return undefined;
  }
}
