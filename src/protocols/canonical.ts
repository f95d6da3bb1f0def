/**
 * The canonical form of a request and of an answer: block-structured messages and a stream of events. A protocol
 * decodes into it and encodes from it, so N protocols need 2N codecs. Nothing here names a provider.
 */
import type { ProxyError } from "../failure/error.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };
/** Data only one protocol understands, keyed by protocol id. */
export type Meta = { readonly [protocol: string]: JsonObject };

/** A provider's signed or encrypted state. Never decoded, never sent to anyone but its minter. */
export interface Seal {
  readonly protocol: string;
  /** Absent when the client handed it in as the protocol's own, unwrapped. */
  readonly provider?: string;
  readonly value: string;
  /** The seal is a block of reasoning nobody may read, and not the signature of a readable one. */
  readonly redacted?: boolean;
}

export type Part =
  | {
      readonly type: "text";
      readonly text: string;
      /** The model's own words for why it does not answer. */
      readonly refusal?: true;
      readonly seal?: Seal;
      readonly meta?: Meta;
    }
  | {
      readonly type: "media";
      /** MIME type; `image/*` and the like when the client did not say. */
      readonly mediaType: string;
      readonly source: { readonly url: string } | { readonly data: string } | { readonly fileId: string };
      readonly seal?: Seal;
      readonly meta?: Meta;
    }
  | { readonly type: "reasoning"; readonly text: string; readonly seal?: Seal; readonly meta?: Meta }
  | {
      readonly type: "tool-call";
      readonly id: string;
      readonly name: string;
      /** JSON text, never re-parsed to be re-printed. */
      readonly input: string;
      readonly seal?: Seal;
      readonly meta?: Meta;
    }
  | {
      readonly type: "tool-result";
      readonly id: string;
      readonly content: readonly Part[];
      readonly isError?: boolean;
      readonly meta?: Meta;
    }
  /** A block only its own protocol knows: re-emitted there, a recorded loss anywhere else. */
  | { readonly type: "opaque"; readonly protocol: string; readonly value: Json };

export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly parts: readonly Part[];
  readonly meta?: Meta;
}

export type Tool =
  | {
      readonly type: "function";
      readonly name: string;
      readonly description?: string;
      /** JSON Schema of the arguments. */
      readonly schema: JsonObject;
      readonly strict?: boolean;
      readonly meta?: Meta;
    }
  /** A tool the provider runs itself. */
  | {
      readonly type: "hosted";
      readonly protocol: string;
      readonly name: string;
      readonly value: JsonObject;
      readonly meta?: Meta;
    };

export type ToolChoice =
  | "auto"
  | "none"
  | "required"
  | { readonly name: string }
  /** Some of the tools only; `required`: one of them must be called. */
  | { readonly names: readonly string[]; readonly required: boolean };

export interface GenerateRequest {
  readonly model: string;
  readonly stream: boolean;
  readonly messages: readonly Message[];
  readonly tools?: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  /** False: one tool call per answer at most. */
  readonly parallelToolCalls?: boolean;
  /** Tokens of the answer at most. */
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly seed?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly stop?: readonly string[];
  /** How many answers; absent = 1. */
  readonly choices?: number;
  /** Who uses the client, as the client names them to the provider. */
  readonly user?: string;
  readonly reasoning?: {
    readonly effort?: "none" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";
    /** Tokens of reasoning at most; -1 = as many as the model finds right. */
    readonly budget?: number;
    readonly visible?: boolean;
  };
  readonly format?: {
    readonly type: "json";
    readonly schema?: JsonObject;
    readonly name?: string;
    readonly strict?: boolean;
  };
  /** What the protocol says and this form does not, by protocol id; comes back verbatim on encode. */
  readonly meta?: Meta;
}

/** Token counts. `input` includes cache reads and writes, `output` includes reasoning; `raw` is the upstream's own. */
export interface Usage {
  readonly input?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  readonly output?: number;
  readonly reasoning?: number;
  readonly raw?: JsonObject;
}

export type Finish = "stop" | "length" | "tool-calls" | "content-filter" | "pause" | "error" | "other";

/** The only form of an answer. Non-streaming is a fold over these. */
export type StreamEvent =
  | { readonly type: "start"; readonly id?: string; readonly model?: string; readonly meta?: Meta }
  | { readonly type: "text-start"; readonly index: number; readonly refusal?: true; readonly meta?: Meta }
  | { readonly type: "reasoning-start"; readonly index: number; readonly meta?: Meta }
  | {
      readonly type: "tool-start";
      readonly index: number;
      readonly id: string;
      readonly name: string;
      readonly hosted?: boolean;
      /** Where it comes with the call; otherwise a `seal` event follows. */
      readonly seal?: Seal;
      readonly meta?: Meta;
    }
  /** A picture or sound in the answer. */
  | {
      readonly type: "media";
      readonly mediaType: string;
      readonly source: { readonly url: string } | { readonly data: string };
      readonly seal?: Seal;
      readonly meta?: Meta;
    }
  | { readonly type: "text-delta" | "reasoning-delta" | "tool-delta"; readonly index: number; readonly delta: string }
  | { readonly type: "seal"; readonly index: number; readonly seal: Seal }
  | {
      readonly type: "source";
      readonly index?: number;
      readonly url?: string;
      readonly title?: string;
      readonly meta?: Meta;
    }
  | { readonly type: "block-end"; readonly index: number; readonly meta?: Meta }
  | { readonly type: "opaque"; readonly protocol: string; readonly value: Json }
  | { readonly type: "usage"; readonly usage: Usage }
  | { readonly type: "finish"; readonly reason: Finish; readonly raw?: string; readonly meta?: Meta }
  | { readonly type: "error"; readonly error: ProxyError };
