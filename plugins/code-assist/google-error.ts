/** Reads the errors of Google's APIs, in all the forms in which they come (google.rpc.Status, "Error model"). */
import type { Json, JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";

export interface GoogleError {
  /** The code in the body; 0 when there is none. */
  readonly code: number;
  /** `RESOURCE_EXHAUSTED`. */
  readonly status: string;
  readonly message: string;
  /** `ErrorInfo.reason`, and `errors[].reason` of older services. */
  readonly reasons: readonly string[];
  /** Of all `ErrorInfo`s together. */
  readonly metadata: { readonly [name: string]: string };
  /** Addresses for people: those of `Help`, and of metadata that holds one. */
  readonly links: readonly string[];
  /** Says more than a sentence. */
  readonly detailed: boolean;
}

/** `undefined` for what is no error of such a service: a page, nothing, an answer. */
export function googleError(text: string): GoogleError | undefined {
  const json = parsed(text);
  const outer = Array.isArray(json) ? (json as readonly Json[])[0] : json;
  if (!isObject(outer)) return undefined;
  const given = typeof outer["error"] === "string" ? inner(outer["error"]) : outer["error"];
  if (!isObject(given)) return undefined;
  // A text may hold the whole error once more.
  const error = isObject(given["error"]) ? given["error"] : given;
  const nested = inner(stringOf(error["message"]));
  const within = nested && isObject(nested["error"]) ? nested["error"] : {};
  const details = [...list(error["details"]), ...list(within["details"])];
  const infos = details.filter((each) => typed(each, "ErrorInfo") || each["reason"] !== undefined);
  const metadata = Object.assign({}, ...infos.map((each) => texts(each["metadata"]))) as { [name: string]: string };
  const help = details.flatMap((each) => list(each["links"]).map((link) => stringOf(link["url"])));
  return {
    code: typeof error["code"] === "number" ? error["code"] : 0,
    status: stringOf(error["status"]),
    message: stringOf(within["message"]) || stringOf(error["message"]),
    reasons: [...infos, ...list(error["errors"])].map((each) => stringOf(each["reason"])).filter(Boolean),
    metadata,
    links: [...Object.values(metadata), ...help].filter((each) => each.startsWith("https://")),
    detailed: details.length > 0 || list(error["errors"]).length > 0,
  };
}

/** The first address of metadata with that name, else the first of all. */
export function linkOf({ metadata, links }: GoogleError, ...names: readonly string[]): string | undefined {
  return names.map((name) => metadata[name]).find((each) => each !== undefined) ?? links[0];
}

function inner(text: string): JsonObject | undefined {
  const json = /^\s*\{/.test(text) ? parsed(text) : undefined;
  return isObject(json) ? json : text === "" ? undefined : { message: text };
}

function parsed(text: string): Json | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  // Some front ends leave an empty place in a list.
  for (const each of [text, text.replaceAll(/,(?:\s*,)+/g, ",")]) {
    try {
      return JSON.parse(each) as Json;
    } catch {
      // Tried once more without the doubled commas; what is no JSON then is no error of this kind.
    }
  }
  return undefined;
}

function typed(value: JsonObject, name: string): boolean {
  return stringOf(value["@type"]).endsWith(`.${name}`);
}

function list(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter((each): each is JsonObject => isObject(each)) : [];
}

function texts(value: Json | undefined): JsonObject {
  return isObject(value)
    ? Object.fromEntries(Object.entries(value).filter(([, each]) => typeof each === "string"))
    : {};
}

function stringOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}
