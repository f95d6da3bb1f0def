/**
 * The one error class of waygate: what went wrong (`kind`) and what it says something about (`scope`).
 * Providers classify, the core decides, the client's protocol renders.
 */

/** What went wrong. These words appear on the wire in `error.details`, so they are stable. */
export type ErrorKind =
  // the request itself
  | "invalid_request"
  | "context_length"
  | "content_filter"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  // the credential or the account behind it
  | "rate_limited"
  | "quota_exhausted"
  | "credential_invalid"
  | "no_credit"
  | "banned"
  | "model_unavailable"
  // the upstream
  | "overloaded"
  | "upstream"
  | "timeout"
  | "network"
  | "unknown"
  // this proxy
  | "aborted"
  | "no_candidate"
  | "deadline"
  | "internal";

/** What a failure says something about: decides what rests and what may be tried next. */
export type ErrorScope = "request" | "model" | "credential" | "provider";

/** What the upstream answered, kept so that the client can be given the original. Bodies are already masked. */
export interface UpstreamFailure {
  readonly status: number;
  /** Masked text, at most 64 KiB. */
  readonly body: string;
  readonly contentType?: string;
  /** As read from the body by the error-body union: type, code and param of the upstream. */
  readonly type?: string;
  readonly code?: string;
  readonly param?: string | null;
  /** The provider's plugin has said in words of its own what it means; they are what the client gets. */
  readonly explained?: true;
}

export type OwnVerdict = "next" | "same" | "stop";

/** What a rule of the config's `errors` says of a failure, for the loop and for `cooldown()`. */
export interface OwnRuling {
  /** Place of the rule in `errors`, from 0. */
  readonly rule: number;
  /** Absent where the rule names a kind, or the same candidate has been tried again already. */
  readonly then?: OwnVerdict;
  /** Milliseconds that what failed rests. 0 = not at all. */
  readonly cooldown?: number;
}

export interface ProxyErrorInit {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly scope?: ErrorScope;
  /** HTTP status for the client. Default: from the table in `failure/table.ts`. */
  readonly status?: number;
  /** Public code, contract 5. Default: from the table. */
  readonly code?: string;
  /** The request field at fault, as the OpenAI error shape has it. */
  readonly param?: string;
  /** Epoch milliseconds before which trying again is pointless. */
  readonly retryAt?: number;
  /** As in `Classification`. */
  readonly rests?: readonly number[];
  /** True when the connection was lost before any answer: the request may go again on a new one. */
  readonly reset?: boolean;
  readonly upstream?: UpstreamFailure;
  readonly ruling?: OwnRuling;
  /** Shown to the client under `error.details`; never put a secret here. */
  readonly details?: { readonly [key: string]: unknown };
  /** More response headers, for instance `allow`. Lower-case names. */
  readonly headers?: { readonly [name: string]: string };
  readonly cause?: unknown;
}

const brand = Symbol.for("waygate.ProxyError");

/**
 * The error every part of waygate throws for an expected failure. Recognise it with `ProxyError.is`, never with
 * `instanceof`: a linked plugin may bring its own copy of the package.
 */
export class ProxyError extends Error {
  static is(value: unknown): value is ProxyError {
    return typeof value === "object" && value !== null && brand in value;
  }

  readonly kind: ErrorKind;
  readonly scope: ErrorScope | undefined;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly param: string | undefined;
  readonly retryAt: number | undefined;
  readonly rests: readonly number[] | undefined;
  readonly reset: boolean;
  readonly upstream: UpstreamFailure | undefined;
  readonly ruling: OwnRuling | undefined;
  readonly details: { readonly [key: string]: unknown } | undefined;
  readonly headers: { readonly [name: string]: string } | undefined;

  constructor(init: ProxyErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    Object.defineProperty(this, brand, { value: true });
    this.kind = init.kind;
    this.scope = init.scope;
    this.status = init.status;
    this.code = init.code;
    this.param = init.param;
    // Upstreams name fractions of a second; never a moment too early.
    this.retryAt = init.retryAt === undefined ? undefined : Math.ceil(init.retryAt);
    this.rests = init.rests;
    this.reset = init.reset ?? false;
    this.upstream = init.upstream;
    this.ruling = init.ruling;
    this.details = init.details;
    this.headers = init.headers;
  }

  override get name(): string {
    return "ProxyError";
  }
}

/** The same error with some fields replaced; what is not named stays. */
export function withError(error: ProxyError, changes: Partial<ProxyErrorInit>): ProxyError {
  const copy = new ProxyError({
    kind: error.kind,
    message: error.message,
    scope: error.scope,
    status: error.status,
    code: error.code,
    param: error.param,
    retryAt: error.retryAt,
    rests: error.rests,
    reset: error.reset,
    upstream: error.upstream,
    ruling: error.ruling,
    details: error.details,
    headers: error.headers,
    cause: error.cause,
    ...changes,
  });
  return copy;
}
