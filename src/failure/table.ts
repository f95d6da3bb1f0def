/** The two tables of failures: what each kind means by default, and the codes that clients may rely on. */
import type { ErrorKind, ErrorScope, ProxyError } from "./error.ts";

/** What the core does with one kind of failure unless the error or a hook says otherwise. */
export interface ErrorRow {
  /** HTTP status for the client. */
  readonly status: number;
  /** Public code for the client, a key of `publicCodes`. */
  readonly code: PublicCode;
  readonly scope: ErrorScope;
  /** Whether another candidate may be asked. */
  readonly retry: "next" | "stop";
  /** The upstream's own status is more useful to the client than `status`; or these of them are. */
  readonly keepStatus?: true | readonly number[];
  /** Never the same model again; the next target of an explicit alias may be asked. */
  readonly nextTarget?: true;
  /** The request is not tried on other accounts of that provider. */
  readonly skipProvider?: true;
  /** Put before an upstream's message, so that the client does not take it for a remark about its own key. */
  readonly prefix?: string;
}

/** One public code. */
export interface CodeRow {
  readonly status: number;
  /** For the docs: one sentence. */
  readonly meaning: string;
}

/** A code of ours that clients may rely on. */
export type PublicCode = keyof typeof codes;

const codes = {
  invalid_api_key: { status: 401, meaning: "The key of the client is missing or unknown." },
  token_expired: { status: 401, meaning: "The user's token has expired." },
  user_disabled: { status: 403, meaning: "The user has been disabled." },
  ip_not_allowed: { status: 403, meaning: "The caller's address is not allowed." },
  blocked_origin: { status: 403, meaning: "The page or app that calls may not." },
  model_not_allowed: { status: 403, meaning: "The caller may not use this model." },
  forbidden: { status: 403, meaning: "The caller may not do this." },
  invalid_json: { status: 400, meaning: "The body is not JSON." },
  invalid_request: { status: 400, meaning: "The request cannot be understood; the message says where." },
  unsupported_feature: { status: 400, meaning: "The request asks for something its target cannot do." },
  previous_response_not_found: { status: 400, meaning: "The answer to be continued is not known here." },
  prompt_rejected: { status: 400, meaning: "A rule of this proxy refused the prompt." },
  context_length_exceeded: { status: 400, meaning: "The prompt does not fit into the model's context." },
  token_limit_exceeded: { status: 400, meaning: "The request asks for a longer answer than it may." },
  content_filter: { status: 400, meaning: "The provider refused the content." },
  edit_conflict: { status: 409, meaning: "Somebody else has edited it since it was read." },
  request_too_large: { status: 413, meaning: "The body is larger than `server.maxBody`." },
  not_found: { status: 404, meaning: "There is no such route." },
  model_not_found: { status: 404, meaning: "No alias and no provider has this model." },
  method_not_allowed: { status: 405, meaning: "The route exists with another method; see `Allow`." },
  rate_limit_exceeded: { status: 429, meaning: "Too many requests or tokens at once; see `Retry-After`." },
  quota_exceeded: { status: 429, meaning: "A budget for a longer time is used up; see `Retry-After`." },
  queue_full: { status: 429, meaning: "All keys are busy and nothing more can wait." },
  client_closed_request: { status: 499, meaning: "The client left before the answer; for logs only." },
  internal_error: { status: 500, meaning: "A mistake of this proxy; its log has the details under the request's id." },
  upstream_error: { status: 502, meaning: "The provider failed; where it named a status, that is the answer's." },
  all_credentials_exhausted: { status: 503, meaning: "No key can be used now; `error.details` has the reasons." },
  database_unavailable: { status: 503, meaning: "There is no database, or it is away, so nothing could be saved." },
  shutting_down: { status: 503, meaning: "The proxy is stopping." },
  deadline_exceeded: { status: 504, meaning: "No attempt could be started in time." },
} as const;

/** Every public code with its usual status. */
export const publicCodes: { readonly [Code in PublicCode]: CodeRow } = codes;

/** Every kind of failure. */
export const errorTable: { readonly [Kind in ErrorKind]: ErrorRow } = {
  invalid_request: { status: 400, code: "invalid_request", scope: "request", retry: "stop", keepStatus: true },
  context_length: {
    status: 400,
    code: "context_length_exceeded",
    scope: "request",
    retry: "stop",
    nextTarget: true,
    keepStatus: [413],
  },
  content_filter: { status: 400, code: "content_filter", scope: "request", retry: "stop", keepStatus: true },
  unauthenticated: { status: 401, code: "invalid_api_key", scope: "request", retry: "stop" },
  forbidden: { status: 403, code: "forbidden", scope: "request", retry: "stop" },
  not_found: { status: 404, code: "not_found", scope: "request", retry: "stop" },

  rate_limited: {
    status: 429,
    code: "rate_limit_exceeded",
    scope: "model",
    retry: "next",
    prefix: "The provider is limiting this proxy: ",
  },
  quota_exhausted: {
    status: 429,
    code: "quota_exceeded",
    scope: "model",
    retry: "next",
    prefix: "The quota of this proxy at the provider is used up: ",
  },
  credential_invalid: {
    status: 503,
    code: "all_credentials_exhausted",
    scope: "credential",
    retry: "next",
    prefix: "The provider refused this proxy's key, not yours: ",
  },
  no_credit: {
    status: 503,
    code: "all_credentials_exhausted",
    scope: "credential",
    retry: "next",
    prefix: "This proxy's account at the provider has no credit: ",
  },
  banned: {
    status: 503,
    code: "all_credentials_exhausted",
    scope: "credential",
    retry: "next",
    skipProvider: true,
    prefix: "The provider has blocked this proxy's account: ",
  },
  model_unavailable: { status: 404, code: "model_not_found", scope: "model", retry: "next", keepStatus: [400] },

  overloaded: { status: 503, code: "upstream_error", scope: "model", retry: "next", keepStatus: true },
  upstream: { status: 502, code: "upstream_error", scope: "model", retry: "next", keepStatus: true },
  timeout: { status: 504, code: "upstream_error", scope: "model", retry: "next", keepStatus: true },
  network: { status: 502, code: "upstream_error", scope: "model", retry: "next" },
  unknown: { status: 502, code: "upstream_error", scope: "model", retry: "next", keepStatus: true },

  aborted: { status: 499, code: "client_closed_request", scope: "request", retry: "stop" },
  no_candidate: { status: 503, code: "all_credentials_exhausted", scope: "request", retry: "stop" },
  deadline: { status: 504, code: "deadline_exceeded", scope: "request", retry: "stop" },
  internal: { status: 500, code: "internal_error", scope: "request", retry: "stop" },
};

/** These would tell the client that its own key, wallet or proxy is at fault. */
const ours: ReadonlySet<number> = new Set([401, 402, 407]);

/** The HTTP status for the client: the error's own, else the upstream's where it helps, else the table's. */
export function statusOf(error: Pick<ProxyError, "kind" | "status" | "upstream">): number {
  if (error.status !== undefined) return error.status;
  const row = errorTable[error.kind];
  const status = error.upstream?.status ?? 0;
  return keepsStatus(row, status) && status >= 400 && status < 600 && !ours.has(status) ? status : row.status;
}

/** True for a status of an upstream that the client gets as it is. */
export function keepsStatus({ keepStatus = [] }: ErrorRow, status: number): boolean {
  return keepStatus === true || keepStatus.includes(status);
}

/** Codes that an upstream may mean the same by. The others are this proxy's alone, so that they tell who refused. */
const shared: ReadonlySet<string> = new Set<PublicCode>([
  "invalid_json",
  "invalid_request",
  "unsupported_feature",
  "previous_response_not_found",
  "context_length_exceeded",
  "token_limit_exceeded",
  "content_filter",
  "request_too_large",
  "model_not_found",
]);

/** True for a code by which clients know that this proxy, and no upstream, refuses. */
export function isOursAlone(code: string): boolean {
  return Object.hasOwn(codes, code) && !shared.has(code);
}

/** The code for the client: the error's own, else the upstream's for a fault of the request, else the table's. */
export function codeOf(error: Pick<ProxyError, "kind" | "code" | "upstream">): string {
  if (error.code !== undefined) return error.code;
  const upstream = error.upstream?.code ?? "";
  return error.kind === "invalid_request" && !isOursAlone(upstream) && /^[a-z][\w.-]{2,63}$/i.test(upstream)
    ? upstream
    : errorTable[error.kind].code;
}
