/** What went wrong in a package of the AI SDK, as the core wants to hear it. */
import { type Attempt, classify, type HeaderRecord, ProxyError, readErrorBody } from "waygate";
import { type Fields, isFields } from "./model.ts";

/** A call that failed before there was an answer: the upstream's own words as a response, for the core to read. */
export function failedCall(error: unknown, attempt: Attempt): Response {
  const { statusCode: status, responseBody: body, responseHeaders: headers, message } = fieldsOf(error);
  if (!isApiError(error) || typeof status !== "number" || status < 400 || status > 599) throw failureOf(error, attempt);
  const text = typeof body === "string" && body !== "" ? body : JSON.stringify({ error: { message } });
  return new Response(text, { status, headers: passedHeaders(headers) });
}

/** Anything a package throws or streams as an error. */
export function failureOf(error: unknown, attempt: Attempt): ProxyError {
  if (ProxyError.is(error)) return error;
  const fields = fieldsOf(error);
  const known = kinds[String(fields["name"])];
  const message = messageOf(error);
  if (known) return new ProxyError({ ...known, message, cause: error });
  const { statusCode, responseBody } = fields;
  if (isApiError(error) && statusCode === undefined) {
    return new ProxyError({ kind: "network", message: `The connection failed: ${message}`, cause: error });
  }
  const own = typeof responseBody === "string" && responseBody !== "" ? responseBody : undefined;
  const body = own ?? (error instanceof Error || !isFields(error) ? message : JSON.stringify(error));
  return classify({
    status: typeof statusCode === "number" ? statusCode : 200,
    headers: passedHeaders(fields["responseHeaders"]),
    body,
    error: readErrorBody(body),
    inBand: true,
    model: attempt.model,
    now: attempt.ctx.app.runtime.clock.now(),
  });
}

/** Headers of an upstream less those that describe a body and a connection which are not passed on. */
export function passedHeaders(headers: unknown): HeaderRecord {
  if (!isFields(headers)) return {};
  const passed = Object.entries(headers).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string" && !hop.test(entry[0]),
  );
  return Object.fromEntries(passed.map(([name, value]) => [name.toLowerCase(), value]));
}

const hop = /^(?:content-(?:encoding|length)|transfer-encoding|connection|keep-alive|set-cookie.*|trailer|upgrade)$/i;

type Known = Pick<ConstructorParameters<typeof ProxyError>[0], "kind" | "scope" | "code">;

const notExpressible: Known = { kind: "invalid_request", code: "unsupported_feature" };

/** By the names in `@ai-sdk/provider`; an error may come from another copy of that package. */
const kinds: { readonly [name: string]: Known | undefined } = {
  AI_NoSuchModelError: { kind: "model_unavailable" },
  AI_LoadAPIKeyError: { kind: "credential_invalid" },
  AI_LoadSettingError: { kind: "credential_invalid" },
  AI_UnsupportedFunctionalityError: notExpressible,
  AI_NoSuchProviderReferenceError: notExpressible,
  AI_InvalidPromptError: { kind: "invalid_request" },
  AI_InvalidArgumentError: { kind: "invalid_request" },
  AI_TooManyEmbeddingValuesForCallError: { kind: "invalid_request" },
};

function isApiError(error: unknown): boolean {
  return fieldsOf(error)["name"] === "AI_APICallError";
}

function fieldsOf(error: unknown): Fields {
  return isFields(error) ? error : {};
}

function messageOf(error: unknown): string {
  const { message } = fieldsOf(error);
  return typeof message === "string" ? message : String(error);
}
