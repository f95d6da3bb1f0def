/** Reading the messages of an upstream, which may be anything. */
import type { Json, JsonObject } from "waygate";

/** `undefined` for what is no JSON object: the protocol's reader decides what that means. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const json = JSON.parse(text) as Json;
    return isObject(json) ? json : undefined;
  } catch {
    // Broken JSON from an upstream is an expected value here.
    return undefined;
  }
}

export function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
