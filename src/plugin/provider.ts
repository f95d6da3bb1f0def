/** What a provider plugin states: whom to address, how to sign, how to read its failures. */
import type { ErrorKind, ErrorScope } from "../failure/error.ts";
import type { Body } from "../wire/body.ts";
import type { Sse } from "../wire/sse.ts";
import type { Attempt } from "./context.ts";

export type MaybePromise<T> = T | Promise<T>;

/** Header names are lower case. */
export interface HeaderRecord {
  readonly [name: string]: string;
}

/** One request to an upstream, complete. Assign a new one to change it. */
export interface Wire {
  readonly url: string;
  readonly method: string;
  readonly headers: HeaderRecord;
  readonly body: Body | undefined;
  /** A body that is too large to hold, in place of `body`. What `prepare` returns without either keeps it. */
  readonly stream?: StreamedBody;
  /** URL of an outbound HTTP proxy for this request. */
  readonly proxy?: string;
}

/** A body that is sent while it arrives, as a form with files is. */
export interface StreamedBody {
  /** Sent as `content-type` whatever the headers say: the boundary in it belongs to the body. */
  readonly contentType: string;
  /** Bytes, where they are known before; else the body is sent in chunks. */
  readonly length: number | undefined;
  /** False once what was sent is not held any more: then it cannot be sent again. */
  readonly repeatable: boolean;
  /** The body from its beginning; one that was opened before ends. Its errors are `ProxyError`s. */
  open(): AsyncIterable<Uint8Array>;
}

/** Requests or tokens per minute or day. */
export interface Limits {
  readonly rpm?: number;
  readonly rpd?: number;
  readonly tpm?: number;
  readonly tpd?: number;
}

/** A key or an account. `data` holds the secret and is left out of every serialisation. */
export interface Credential<Data = unknown> {
  /** Stable over restarts and not secret: the provider's id and a hash. */
  readonly id: string;
  readonly provider: string;
  readonly data: Data;
  /** A name for people. */
  readonly label?: string;
  /** First 4 … last 4 characters of a key of 20 or more; for admins only. */
  readonly masked?: string;
  /** 1 is best. */
  readonly priority?: number;
  readonly weight?: number;
  /** Requests in flight at most. */
  readonly concurrency?: number;
  readonly limits?: Limits;
}

/** Milliseconds; 0 = off. */
export interface Timeouts {
  /** Until the connection is up. Default 10 s. */
  readonly connect: number;
  /** Until the response's headers, when the answer is streamed. Default 120 s. */
  readonly headers: number;
  /** Until the response's headers, when the answer comes whole. Default 600 s. */
  readonly whole: number;
  /** From sending the request to the first content of a stream. Comments do not count. Default 180 s. */
  readonly firstToken: number;
  /** Between two pieces of a body; before the first of a whole answer `whole` counts. Default 180 s. */
  readonly idle: number;
  /** From the start of the attempt to its end. Default off. */
  readonly total: number;
}

/** A failed answer, as a classifier reads it. */
export interface FailureSignal {
  readonly status: number;
  readonly headers: HeaderRecord;
  /** The body as text, at most 64 KiB; for an error inside a stream, the message that carried it. */
  readonly body: string;
  /** Fields found in the body by the error-body union, whatever its shape. */
  readonly error: ErrorBody;
  /** True when the answer had a success status and the error came inside it. */
  readonly inBand: boolean;
  readonly model: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The union of the error bodies upstreams send. */
export interface ErrorBody {
  readonly message: string;
  readonly type?: string;
  readonly code?: string;
  readonly param?: string;
  readonly status?: number;
}

/** What a failed answer means. Fields left out come from the core's own reading. */
export interface Classification {
  readonly kind: ErrorKind;
  readonly scope?: ErrorScope;
  readonly message?: string;
  /** Epoch milliseconds. */
  readonly retryAt?: number;
  /**
   * Milliseconds that `cooldown()` lets it rest after the first failure, the second in a row and so on; the last one
   * stays. For failures without a time that differ from the usual table, and that say nothing of the provider as a whole.
   */
  readonly rests?: readonly number[];
}

/** Changes an answer on its way to the client. One per attempt, so it may keep state. */
export interface Rewriter {
  /** Every message, terminators too. The message itself: nothing changes; `undefined`: it is dropped. */
  message(message: Sse): Sse | readonly Sse[] | undefined;
  /** What is left when a stream ends without a terminator. */
  end?(): Sse | undefined;
  /** A whole answer. May throw where an upstream failed and there is nothing to rewrite. */
  body?(text: string): string;
}

export interface Provider<Name extends string = string, Model extends string = string, Data = unknown> {
  /** The part before the slash in a model's name. `-` and `_` are the same in it. */
  readonly name: Name;
  /** The protocol it speaks, or which one for a model and, where it speaks several, for a client of `client`'s protocol. */
  readonly protocol: string | ((model: string, client: string) => string);
  /** Known models. Never limits requests: upstreams change faster than lists. */
  readonly models: readonly Model[];
  /** True when requests need no credential; then one anonymous credential exists. */
  readonly keyless?: boolean;
  /** 1 is best; used by `tiers()`. */
  readonly tier?: number;
  /** Requests in flight per credential at most, unless the credential says otherwise. Default: no limit. */
  readonly concurrency?: number;
  /** The group of models that share one quota with this one, as far as the provider knows; `quotaGroups()` goes before it. */
  groupOf?(model: string): string | undefined;
  readonly timeouts?: Partial<Timeouts>;
  /** False for upstreams that refuse `stream_options`. Default true. */
  readonly streamUsage?: boolean;
  /** Address, sign, wrap. Must not change its input. */
  prepare(wire: Wire, attempt: Attempt<Data>): MaybePromise<Wire>;
  /**
   * What the provider's answers need before anybody looks at them: an envelope taken off, a dialect put right. Answers
   * of such a provider are not passed on as bytes but message by message. `undefined`: this one is passed on as it comes.
   */
  rewrite?(attempt: Attempt<Data>): Rewriter | undefined;
  /** `undefined` leaves the reading to the core's table. */
  classify?(signal: FailureSignal): Classification | undefined;
  /** New secret data for a credential the upstream refused. Called once for concurrent refusals. */
  refresh?(credential: Credential<Data>, signal: AbortSignal): Promise<Data>;
  /** Asks the upstream which models it has. What it resolves with is listed in place of `models`, unless it is empty. */
  discover?(credential: Credential<Data>, signal: AbortSignal): Promise<readonly string[]>;
  /** Only for what is not HTTP: answers in the provider's protocol. */
  call?(wire: Wire, attempt: Attempt<Data>): Promise<Response>;
}
