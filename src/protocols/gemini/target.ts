/** Model and method of a path. Source: Gemini API reference, "All methods": `/v1beta/models/{model}:{method}`. */
import { ProxyError } from "../../failure/error.ts";
import type { Operation } from "../types.ts";

export interface Target {
  readonly model: string;
  readonly verb: string;
}

/** What stands before the name of a model. Google's clients of today ask for `v1`, earlier ones for `v1beta`. */
const modelsPath = /\/v1(?:beta)?\/models\/|\/v1beta\//;

const operations: { readonly [verb: string]: Operation } = {
  generateContent: "generate",
  streamGenerateContent: "generate",
  countTokens: "count-tokens",
  embedContent: "embed",
  batchEmbedContents: "embed-batch",
};

/** `rest` is what follows `/models/`, or `/v1beta/` where that is missing, decoded; names of models may hold slashes and colons. `undefined` = no such method. */
export function operationOf(rest: string): Operation | undefined {
  const { model, verb } = splitTarget(rest);
  return model !== "" && Object.hasOwn(operations, verb) ? operations[verb] : undefined;
}

/** The model and the method a request names. */
export function targetOf(url: string): Target {
  const { pathname } = new URL(url);
  const found = modelsPath.exec(pathname);
  return splitTarget(decoded(pathname.slice(found ? found.index + found[0].length : 1)));
}

function splitTarget(rest: string): Target {
  const colon = rest.lastIndexOf(":");
  return colon === -1 ? { model: rest, verb: "" } : { model: rest.slice(0, colon), verb: rest.slice(colon + 1) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // No valid percent-encoding: then the text is what was meant.
    return text;
  }
}

/** The name of a model where a body has one, `models/…`. Tuned models have a collection of their own. */
export function resourceName(model: string): string {
  return model.startsWith("models/") || model.startsWith("tunedModels/") ? model : `models/${model}`;
}

/** Throws a `ProxyError` of kind `invalid_request` for a name that would lead out of the models. */
export function path(model: string, stream: boolean, operation: Operation): string {
  if (operation === "models") return "/models";
  const segments = resourceName(model).split("/");
  if (segments.some((segment) => segment === "." || segment === "..")) {
    throw new ProxyError({
      kind: "invalid_request",
      scope: "request",
      param: "model",
      message: `Invalid model name '${model}': it must not have '.' or '..' between slashes.`,
    });
  }
  return `/${segments.map(encodeURIComponent).join("/")}:${verbOf(stream, operation)}`;
}

function verbOf(stream: boolean, operation: Operation): string {
  if (operation === "count-tokens") return "countTokens";
  if (operation === "embed") return "embedContent";
  if (operation === "embed-batch") return "batchEmbedContents";
  // Without `alt=sse` the answer is one JSON array, whose items nobody can tell apart as they come.
  return stream ? "streamGenerateContent?alt=sse" : "generateContent";
}
