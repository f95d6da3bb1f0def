/**
 * What a protocol is: a grammar. Two codecs, a probe and an error renderer; no I/O and no provider's name.
 * The suite `testProtocol` states the laws every protocol keeps.
 */
import type { ProxyError } from "../failure/error.ts";
import type { Body } from "../wire/body.ts";
import type { Sse } from "../wire/sse.ts";
import type { Finish, GenerateRequest, JsonObject, Meta, StreamEvent, Usage } from "./canonical.ts";

/**
 * What a request asks for. `embed-batch` is Gemini's route for several texts; `forward` is whatever only passes through
 * (pictures, sound, moderations, rerank).
 */
export type Operation = "generate" | "embed" | "embed-batch" | "count-tokens" | "forward" | "models";

export type Emit<T> = (value: T) => void;

/** Something the target protocol has no place for. */
export interface Loss {
  /** For people: `the hosted tool web_search`. */
  readonly what: string;
  /** The field of the request or the part of the answer: `tools`, `messages[2].content[0]`. */
  readonly where: string;
}

/** Who is asked and how the answer should come, read without decoding. */
export interface Inspection {
  readonly model: string;
  readonly stream: boolean;
  /** Whether the client asked for usage in the stream; true where the protocol always sends it. */
  readonly usage: boolean;
  /** Streams without `alt=sse` come from Gemini as one JSON array. Default `sse`. */
  readonly framing?: "sse" | "json-array";
  /** The answer this request continues (`previous_response_id`), which only the credential that made it knows. */
  readonly continues?: string;
  /** The upstream is to keep its answer, so that a later request may continue it. */
  readonly keeps?: boolean;
}

export interface RetargetOptions {
  /** Ask the upstream for a usage message in streams when the client did not. */
  readonly usage?: boolean;
}

export interface Protocol<Id extends string = string> {
  readonly id: Id;
  /**
   * `"POST /v1/chat/completions": "generate"`. The h3 router's patterns. Where the path says what is asked for, a
   * function of what `**` stands for, decoded; `undefined` = 404.
   */
  readonly routes: { readonly [route: `${string} /${string}`]: Operation | ((rest: string) => Operation | undefined) };
  /** Texts one of which stands in every request that holds a seal of this protocol. Absent: it has no place for any. */
  readonly sealMarks?: readonly string[];
  /** What names and ids of tools may be. Others are replaced on the way out and put back in the answer. */
  readonly tools?: { readonly name: TextRule; readonly id: TextRule };
  /** Throws a `ProxyError` of kind `invalid_request`, with `param`, when the body cannot be one of this protocol. */
  inspect(request: Request, body: Body): Inspection;
  /** The path below a provider's base URL, with a leading slash. */
  path(model: string, stream: boolean, operation: Operation): string;
  /** The same body under another model's name, never re-serialised. */
  retarget(body: Body, model: string, options: RetargetOptions): Body;
  /** Throws a `ProxyError` of kind `invalid_request`, with `param`, for what the protocol's own service would refuse. */
  decodeRequest(body: Body, request: Request): GenerateRequest;
  /**
   * Calls `lose` for each thing the target has no place for. Throws a `ProxyError` of kind `invalid_request` with the
   * code `unsupported_feature` and the field as `param` for what cannot be left out without asking for something else.
   */
  encodeRequest(request: GenerateRequest, lose: Emit<Loss>): Body;
  readonly counting?: CountCodec;
  readonly embedding?: EmbedCodec;
  /** What a stream may be kept alive with before its first event, blank line included. Default: a comment. */
  readonly keepAlive?: string;
  decoder(): Decoder;
  encoder(init: EncoderInit, lose: Emit<Loss>): Encoder;
  probe(init: ProbeInit): Probe;
  /** `error.status`, `error.code` and `error.details` are already decided by the core. */
  encodeError(error: RenderedError): { readonly status: number; readonly body: JsonObject };
  /** The same error as messages inside a stream that has begun, terminator included. */
  encodeStreamError(error: RenderedError): readonly Sse[];
}

/** One character class and a length: `/[^\w-]/g` and 64. */
export interface TextRule {
  /** What is not allowed, with the flag `g`. */
  readonly forbidden: RegExp;
  readonly max: number;
}

/** Counting tokens without generating. The client's side decodes requests and encodes answers, the upstream's the rest. */
export interface CountCodec {
  /** The same body under another model's name, never re-serialised. */
  retarget(body: Body, model: string): Body;
  decodeRequest(body: Body, request: Request): GenerateRequest;
  encodeRequest(request: GenerateRequest, lose: Emit<Loss>): Body;
  /** Tokens, or `undefined` when the answer holds none. */
  decodeAnswer(json: JsonObject): number | undefined;
  encodeAnswer(tokens: number): JsonObject;
}

export interface EmbedRequest {
  readonly model: string;
  /** Texts, or tokens of a text. */
  readonly inputs: readonly (string | readonly number[])[];
  readonly dimensions?: number;
  /** How vectors are written; `base64` is little-endian 32-bit floats. Default `float`. */
  readonly encoding?: "float" | "base64";
  /** What the vectors are for, in Gemini's words (`RETRIEVAL_QUERY`). */
  readonly taskType?: string;
  readonly title?: string;
  readonly user?: string;
  /** What the protocol says and this form does not, by protocol id. */
  readonly meta?: Meta;
}

export interface EmbedAnswer {
  /** In the order of the inputs. */
  readonly vectors: readonly (readonly number[])[];
  readonly usage?: Usage;
}

/** Embeddings. The client's side decodes requests and encodes answers, the upstream's the rest. */
export interface EmbedCodec {
  retarget(body: Body, model: string): Body;
  decodeRequest(body: Body, request: Request): EmbedRequest;
  /** `operation` is the one whose path the body belongs to. */
  encodeRequest(request: EmbedRequest, lose: Emit<Loss>): { readonly body: Body; readonly operation: Operation };
  /** `undefined` when the body is none. */
  decodeAnswer(json: JsonObject): EmbedAnswer | undefined;
  /** `operation` is the client's. */
  encodeAnswer(answer: EmbedAnswer, request: EmbedRequest, operation: Operation): JsonObject;
}

/** A `ProxyError` with everything the client may see decided. */
export interface RenderedError {
  readonly error: ProxyError;
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly param?: string;
  readonly details?: { readonly [key: string]: unknown };
  readonly requestId: string;
  /** Seconds until the client may ask again, for protocols that say it in the body. */
  readonly retryAfter?: number;
}

export interface EncoderInit {
  /** The answer's id when the upstream gave none. */
  readonly id: string;
  /** The model's name as the client should see it. */
  readonly model: string;
  /** Unix seconds, for protocols that state a time. */
  readonly created: number;
  /** Whether the client asked for usage in the stream. */
  readonly usage: boolean;
  /** What was asked, for protocols whose answers repeat parts of it. */
  readonly request?: GenerateRequest;
}

/** Upstream messages, or one whole body, to events. Pure: no clock, no I/O. */
export interface Decoder {
  message(message: Sse, emit: Emit<StreamEvent>): void;
  body(body: JsonObject, emit: Emit<StreamEvent>): void;
  /** Closes what is open. A stream that ended without a finish emits an `error` event. */
  end(emit: Emit<StreamEvent>): void;
}

/** Events to client messages, or to one whole body after the last event. */
export interface Encoder {
  event(event: StreamEvent, emit: Emit<Sse>): void;
  end(emit: Emit<Sse>): void;
  body(): JsonObject;
}

export interface ProbeInit {
  /** The client did not ask for usage but the upstream was: the extra message is to be dropped. */
  readonly dropUsage: boolean;
  /** Somebody will ask for `seals`; absent: they need not be looked for. */
  readonly seals?: boolean;
}

/**
 * Looks at messages on their way past, without changing or keeping them. A probe is given the raw frame first and
 * parses only those that can matter, because this runs for every event of every stream.
 */
export interface Probe {
  /**
   * One complete server-sent event, its blank line included, as it came. Returns what to do with it:
   * forward it, drop it, or forward nothing more after it (`last`).
   */
  see(frame: Uint8Array): "forward" | "drop" | "last";
  /** A whole, non-streamed answer. */
  body(body: JsonObject): void;
  /** True once real content, a tool call or a finish was seen: the point of commit. */
  readonly started: boolean;
  /** True once content or a tool call was seen. Absent: not looked for, so that no answer counts as empty. */
  readonly said?: boolean;
  /** True once the upstream said that the answer is complete (a finish reason or the terminator). */
  readonly finished: boolean;
  readonly usage: Usage | undefined;
  readonly finish: Finish | undefined;
  /** What the stream must end with and has not had so far, as an event; absent when nothing is missing. */
  readonly unsaid?: string | undefined;
  /** An error found inside the stream or inside a 200 body; its message is the upstream's and not yet classified. */
  readonly error: InBandError | undefined;
  /** The answer's id, where a later request can refer to it (`previous_response_id`). */
  readonly answerId?: string | undefined;
  /** The values of signatures and sealed reasoning seen so far. */
  readonly seals?: readonly string[];
}

/**
 * What a probe has seen, to be written by the probe itself. Plain fields: an object literal with getters has a shape of
 * its own each time it is made, which costs microseconds and keeps alive whatever the getters can reach.
 */
export type ProbeState = { -readonly [Field in keyof Omit<Probe, "see" | "body">]: Probe[Field] };

/** An error the upstream sent inside an answer whose status was 200. */
export interface InBandError {
  /** The JSON text of the message that carried it. */
  readonly text: string;
  /** A status the message itself names, if any. */
  readonly status?: number;
}
