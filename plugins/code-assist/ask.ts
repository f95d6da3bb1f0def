/** Calls of the service beside those that answer requests: which project, which plan, how much is left. */
import { type JsonObject, ProxyError } from "waygate";
import { parseObject } from "waygate/plugins/openai-compatible";
import { googleError } from "./google-error.ts";
import { codeAssistFailures, readFailure } from "./failures.ts";

/** As much of `fetch` as is needed here. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: { readonly [name: string]: string };
    readonly body?: string;
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

export interface Ask {
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
  readonly token: string;
  /** Lower-case names. */
  readonly headers?: { readonly [name: string]: string };
}

/** The code of errors after which only a human can help with the account; their message says how. */
export const accountUnusable = "account_unusable";

/** What such an error is made of. */
export function unusableAccount(message: string, kind: "unknown" | "banned" = "unknown"): ProxyError {
  return new ProxyError({ kind, scope: "credential", code: accountUnusable, message });
}

/**
 * Asks the first host that can answer; `path` is `:loadCodeAssist` or `/operations/1`. Rejects with a `ProxyError`: of kind
 * `credential_invalid` for a 401, else as the service's failures are read.
 */
export async function askService(
  hosts: readonly string[],
  path: string,
  body: JsonObject | undefined,
  ask: Ask,
): Promise<JsonObject> {
  let failed: unknown = new ProxyError({ kind: "internal", message: "No address of the service is set." });
  for (const host of hosts) {
    try {
      return await askHost(host + path, body, ask);
    } catch (error) {
      failed = error;
      // What one host refuses the next refuses as well; only where one is out of order another may help.
      if (ask.signal.aborted || !ProxyError.is(error) || !outOfOrder.has(error.kind)) break;
    }
  }
  throw failed;
}

const outOfOrder: ReadonlySet<string> = new Set(["network", "timeout", "upstream", "overloaded"]);

async function askHost(url: string, body: JsonObject | undefined, ask: Ask): Promise<JsonObject> {
  const { fetch, signal, token, headers } = ask;
  const place = `${body === undefined ? "GET" : "POST"} ${url}`;
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        accept: "application/json",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
        authorization: `Bearer ${token}`,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal,
    });
    ({ status } = response);
    text = await response.text();
  } catch (error) {
    if (ProxyError.is(error)) throw error;
    const cause =
      error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
    throw new ProxyError({ kind: "network", message: `${place}: the connection failed (${cause}).`, cause: error });
  }
  const json = status < 300 ? parseObject(text) : undefined;
  if (json) return json;
  throw failureOf(place, status, text);
}

function failureOf(place: string, status: number, text: string): ProxyError {
  const found = readFailure(status, text, codeAssistFailures);
  const error = googleError(text);
  const upstream = { status, body: text.slice(0, 65_536) };
  if (found?.row.needsHuman || found?.row.kind === "banned") {
    const { row } = found;
    return new ProxyError({
      kind: row.kind,
      scope: "credential",
      code: accountUnusable,
      message: row.says?.(found.error) ?? found.error.message,
      upstream,
    });
  }
  const why = error?.message || (status < 300 ? "the answer is no JSON object" : `status ${status}`);
  const kind =
    status === 401
      ? "credential_invalid"
      : status === 429
        ? "rate_limited"
        : status >= 500 || status < 300
          ? "upstream"
          : "unknown";
  return new ProxyError({ kind, message: `${place}: ${why}`, upstream });
}
