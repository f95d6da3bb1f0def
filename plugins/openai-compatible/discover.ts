/** Asks an upstream which models it has, and reads all the shapes in which they answer. */
import { createFetch } from "ofetch";
import { type Dispatcher, EnvHttpProxyAgent, fetch, Headers, ProxyAgent } from "undici";
import { type ErrorKind, type HeaderRecord, ProxyError } from "waygate";

/** Milliseconds a list may take, all its pages together. */
const LIMIT = 5000;
const PAGES = 50;

export interface DiscoverOptions {
  readonly headers: HeaderRecord;
  readonly signal: AbortSignal;
  /** URL of an outbound HTTP proxy. Default: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say. */
  readonly proxy?: string;
}

interface Request extends DiscoverOptions {
  readonly limited: AbortSignal;
  readonly dispatcher: Dispatcher;
}

/** The fetch of Node takes the agents of its own undici only. */
const ofetch = createFetch({
  fetch: fetch as unknown as typeof globalThis.fetch,
  Headers: Headers as unknown as typeof globalThis.Headers,
});

/**
 * The ids in the list at the first of `urls` that is there, all its pages. Throws a `ProxyError` when there is no answer
 * within 5 s, a refusal, or no list in it.
 */
export async function discoverModels(
  urls: string | readonly string[],
  options: DiscoverOptions,
): Promise<readonly string[]> {
  const dispatcher = agentFor(options.proxy);
  const limited = AbortSignal.any([options.signal, AbortSignal.timeout(LIMIT)]);
  try {
    return await list(urls, { ...options, limited, dispatcher });
  } finally {
    await dispatcher.destroy();
  }
}

function agentFor(proxy: string | undefined): Dispatcher {
  try {
    return proxy === undefined
      ? new EnvHttpProxyAgent({ allowH2: false })
      : new ProxyAgent({ uri: proxy, allowH2: false });
  } catch {
    // The cause is left out on purpose: it quotes the URL, password included.
    const name = proxy === undefined ? "HTTPS_PROXY or HTTP_PROXY" : "the proxy of this key or provider";
    const message = `${name} is not a usable proxy URL, as in http://user:password@host:3128.`;
    throw new ProxyError({ kind: "internal", message });
  }
}

async function list(urls: string | readonly string[], options: Request): Promise<readonly string[]> {
  const [first = "", ...others] = typeof urls === "string" ? [urls] : urls;
  let url = first;
  let answer = await get(url, options);
  for (const other of others) {
    if (answer.status !== 404) break;
    url = other;
    answer = await get(url, options);
  }
  const found = new Set(idsIn(url, answer));
  for (let page = 1; page < PAGES; page++) {
    const next = nextPage(url, answer.body);
    if (next === undefined) break;
    url = next;
    answer = await get(url, options);
    const ids = idsIn(url, answer);
    if (ids.length === 0) break;
    for (const id of ids) found.add(id);
  }
  return [...found];
}

interface ListAnswer {
  readonly status: number;
  readonly body: unknown;
}

function idsIn(url: string, { status, body }: ListAnswer): readonly string[] {
  const failed = failureAt(url);
  if (status >= 400) throw failed(kinds[status] ?? "upstream", `status ${status}`);
  const ids = modelIds(body);
  if (ids !== undefined) return ids;
  const isPage = typeof body === "string" && /^\s*</.test(body);
  throw failed(
    "upstream",
    isPage ? "the answer is a web page, not a list of models" : "the answer holds no list of models",
  );
}

type Failure = (kind: ErrorKind, why: string, cause?: unknown) => ProxyError;

const failureAt =
  (url: string): Failure =>
  (kind, why, cause) =>
    new ProxyError({ kind, message: `GET ${url}: ${why}.`, cause });

async function get(url: string, { headers, signal, limited, dispatcher }: Request): Promise<ListAnswer> {
  const failed = failureAt(url);
  try {
    const response = await ofetch.raw(url, {
      headers: { accept: "application/json", ...headers },
      signal: limited,
      dispatcher,
      responseType: "json",
      ignoreResponseError: true,
      retry: false,
    });
    return { status: response.status, body: response._data };
  } catch (error) {
    if (signal.aborted) throw failed("aborted", "given up", error);
    if (limited.aborted) throw failed("timeout", `no answer within ${LIMIT} ms`, error);
    throw failed("network", `the connection failed (${rootOf(error)})`, error);
  }
}

/** `ECONNREFUSED`, or what else lies at the bottom of the causes. */
function rootOf(error: unknown): string {
  let root = "no reason given";
  for (let each = error; each instanceof Error; each = each.cause) {
    if ("code" in each && typeof each.code === "string") return each.code;
    root = each.message;
  }
  return root;
}

const kinds: { readonly [status: number]: ErrorKind } = {
  401: "credential_invalid",
  402: "no_credit",
  403: "forbidden",
  404: "not_found",
  429: "rate_limited",
};

/** Where a list says how to go on, and the parameter that says it back. */
const cursors: readonly { readonly in: string; readonly as: string; readonly ifTrue?: string }[] = [
  { in: "next_page_token", as: "page_token" }, // Cohere
  { in: "nextPageToken", as: "pageToken" }, // Gemini
  { in: "last_id", as: "after_id", ifTrue: "has_more" }, // Anthropic
];

/** `links.next` (OpenRouter) or a cursor; never at another origin, because the key goes with it. */
function nextPage(url: string, body: unknown): string | undefined {
  const link = field(field(body, "links"), "next");
  const next = typeof link === "string" && URL.canParse(link, url) ? new URL(link, url) : new URL(url);
  if (typeof link !== "string") {
    const found = cursors
      .filter((one) => one.ifTrue === undefined || field(body, one.ifTrue) === true)
      .map((one) => [one.as, field(body, one.in)] as const)
      .find(([, value]) => typeof value === "string" && value !== "");
    if (!found) return undefined;
    next.searchParams.set(found[0], String(found[1]));
  }
  return next.origin === new URL(url).origin && next.href !== url ? next.href : undefined;
}

/**
 * The ids in `{ data: [] }`, `{ models: [] }` or a bare list, whose entries are texts or hold `id`, `name` or `model`;
 * each once. Of Gemini's entries those that generate or embed, without `models/`. `undefined` when there is no list.
 */
export function modelIds(body: unknown): readonly string[] | undefined {
  const entries = [body, field(body, "data"), field(body, "models")].find((value) => Array.isArray(value));
  if (!Array.isArray(entries)) return undefined;
  const ids = entries.filter(isOfUse).map((entry: unknown) => {
    const name = field(entry, "name");
    const id = typeof name === "string" ? name.replace(/^models\//, "") : name;
    return [entry, field(entry, "id"), id, field(entry, "model")].find(
      (text) => typeof text === "string" && text !== "",
    );
  });
  return [...new Set(ids.filter((id) => typeof id === "string"))];
}

/** Gemini's list holds models for live sessions and pictures too, and says what each can do. */
function isOfUse(entry: unknown): boolean {
  const methods = field(entry, "supportedGenerationMethods");
  return !Array.isArray(methods) || methods.some((method) => /^(?:generate|embed)Content$/.test(String(method)));
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? (value as { readonly [name: string]: unknown })[name]
    : undefined;
}
