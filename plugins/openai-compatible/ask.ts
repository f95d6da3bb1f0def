/** Questions about an account that are no client's. */
import { type AccountContext, classify, type HeaderRecord, type JsonObject, ProxyError, readErrorBody } from "waygate";
import type { Classify } from "./failures.ts";
import { parseObject } from "./json.ts";

export interface AccountQuestion {
  readonly url: string;
  readonly headers: HeaderRecord;
  /** For errors: `Qwen Code`. */
  readonly title: string;
  /** The provider's own reading of its failures. */
  readonly classify?: Classify;
}

/** Milliseconds for one answer. */
const LIMIT = 15_000;

/** The JSON object at that address. Rejects with a `ProxyError` for a refusal or an answer that is something else. */
export async function askAboutAccount(question: AccountQuestion, context: AccountContext): Promise<JsonObject> {
  const { url, headers, title } = question;
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(LIMIT)]);
  const response = await context.fetch(url, { headers: { accept: "application/json", ...headers }, signal });
  const text = await response.text();
  const { status } = response;
  // Of the address only what is no secret: some services want a token in the query.
  const { origin, pathname } = new URL(url);
  const json = status < 300 ? parseObject(text) : undefined;
  if (json) return json;
  const error = readErrorBody(text);
  const signalled = { status, headers: Object.fromEntries(response.headers), body: text, error };
  const { kind, retryAt, message } = classify(
    { ...signalled, inBand: status < 400, model: "", now: context.now() },
    question.classify,
  );
  const said = `${title}: GET ${origin}${pathname} answered ${status}: ${message}`;
  throw new ProxyError({ kind, scope: "credential", message: said, ...(retryAt !== undefined && { retryAt }) });
}
