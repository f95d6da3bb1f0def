/** Asks an upstream which models it has, and reads all the shapes in which they answer. */
import { ofetch } from "ofetch";
import { type ErrorKind, type HeaderRecord, ProxyError } from "waygate";

/** Milliseconds a list may take, all its pages together. */
const LIMIT = 5000;
const PAGES = 50;

export interface DiscoverOptions {
  readonly headers: HeaderRecord;
  readonly signal: AbortSignal;
}

/**
 * The ids in the list at the first of `urls` that is there, all its pages. Throws a `ProxyError` when there is no answer
 * within 5 s, a refusal, or no list in it.
 */
export async function discoverModels(
  urls: string | readonly string[],
  { headers, signal }: DiscoverOptions,
): Promise<readonly string[]> {
  const [first = "", ...others] = typeof urls === "string" ? [urls] : urls;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(LIMIT)]);
  const found = new Set<string>();
  let url: string | undefined = first;
  for (let page = 0; url !== undefined && page < PAGES; page++) {
    const failed = failureAt(url);
    const { status, body } = await get(url, { headers, signal, limited });
    if (status === 404 && others.length > 0 && page === 0) return discoverModels(others, { headers, signal });
    if (status >= 400) throw failed(kinds[status] ?? "upstream", `status ${status}`);
    const models = modelIds(body);
    if (models === undefined) throw failed("upstream", "the answer holds no list of models");
    for (const model of models) found.add(model);
    url = models.length === 0 ? undefined : nextPage(url, body);
  }
  return [...found];
}

type Failure = (kind: ErrorKind, why: string, cause?: unknown) => ProxyError;

const failureAt =
  (url: string): Failure =>
  (kind, why, cause) =>
    new ProxyError({ kind, message: `GET ${url}: ${why}.`, cause });

async function get(
  url: string,
  { headers, signal, limited }: DiscoverOptions & { readonly limited: AbortSignal },
): Promise<{ readonly status: number; readonly body: unknown }> {
  const failed = failureAt(url);
  try {
    const response = await ofetch.raw(url, {
      headers: { accept: "application/json", ...headers },
      signal: limited,
      responseType: "json",
      ignoreResponseError: true,
      retry: false,
    });
    return { status: response.status, body: response._data };
  } catch (error) {
    if (signal.aborted) throw failed("aborted", "given up", error);
    if (limited.aborted) throw failed("timeout", `no answer within ${LIMIT} ms`, error);
    throw failed("network", "the connection failed", error);
  }
}

const kinds: { readonly [status: number]: ErrorKind } = {
  401: "credential_invalid",
  402: "no_credit",
  403: "forbidden",
  404: "not_found",
  429: "rate_limited",
};

/** `links.next` (OpenRouter) or `next_page_token` (Cohere); never at another origin, because the key goes with it. */
function nextPage(url: string, body: unknown): string | undefined {
  const link = field(field(body, "links"), "next");
  const token = field(body, "next_page_token");
  const next = typeof link === "string" && URL.canParse(link, url) ? new URL(link, url) : new URL(url);
  if (typeof link !== "string") {
    if (typeof token !== "string" || token === "") return undefined;
    next.searchParams.set("page_token", token);
  }
  return next.origin === new URL(url).origin && next.href !== url ? next.href : undefined;
}

/**
 * The ids in `{ data: [] }`, `{ models: [] }` or a bare list, whose entries are texts or hold `id`, `name` or `model`;
 * each once. `undefined` when there is no list.
 */
export function modelIds(body: unknown): readonly string[] | undefined {
  const list = [body, field(body, "data"), field(body, "models")].find((value) => Array.isArray(value));
  if (!Array.isArray(list)) return undefined;
  const ids = list.map((entry: unknown) =>
    [entry, field(entry, "id"), field(entry, "name"), field(entry, "model")].find(
      (id) => typeof id === "string" && id !== "",
    ),
  );
  return [...new Set(ids.filter((id) => typeof id === "string"))];
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as { readonly [name: string]: unknown })[name]
    : undefined;
}
