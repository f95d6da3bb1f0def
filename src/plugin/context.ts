/** What hooks see of a request (`Context`), of one call of one candidate (`Attempt`) and of the end (`Outcome`). */
import type { ConsolaInstance } from "consola";
import type { ProxyError } from "../failure/error.ts";
import type { Finish, GenerateRequest, Usage } from "../protocols/canonical.ts";
import type { Loss, Operation, Protocol } from "../protocols/types.ts";
import type { Body } from "../wire/body.ts";
import type { App } from "./app.ts";
import type { Delivery } from "./delivery.ts";
import type { Credential, MaybePromise, Provider, Wire } from "./provider.ts";

/** A typed place for what hooks of one plugin, or of friends, share over a request. */
export interface Slot<T> {
  readonly name: string;
  readonly "~type"?: T;
}

/** Who is calling. */
export interface Principal {
  readonly id: string;
  readonly label?: string;
  /** Globs over model names; absent = all. */
  readonly models?: readonly string[];
  /** Sees key labels and every reason in errors. */
  readonly admin?: boolean;
}

/** A place a request can go: one model of one provider, in the order the alias or the model's name gives. */
export interface Target {
  readonly provider: Provider;
  readonly model: string;
  /** Its place in the alias, from 0; equals (one model of several providers) share one. */
  readonly position: number;
  /** True when a policy added it as a fallback. */
  readonly fallback?: boolean;
}

/** A target with a credential. The same object for every request, so it may be a key of a WeakMap. */
export interface Candidate {
  readonly provider: Provider;
  readonly model: string;
  readonly credential: Credential;
  readonly position: number;
}

export interface Context {
  /** `x-request-id` of the client if sane, else made here. */
  readonly id: string;
  readonly req: Request;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  readonly app: App;
  readonly log: ConsolaInstance;
  readonly protocol: Protocol;
  readonly operation: Operation;
  /** As the client sent it. Not readable in `auth`, which runs before the body is accepted. */
  readonly body: Body;
  readonly stream: boolean;
  readonly principal: Principal | undefined;
  /** IP address of the caller; a proxy's word counts only with `server.trustProxy`. Absent when the host has none. */
  readonly ip: string | undefined;
  /** Oldest first; the last one is running, or was the answering one. */
  readonly attempts: readonly Attempt[];
  /** Candidates left out and first places changed by policies so far, with reasons. */
  readonly decisions: readonly Decision[];
  /** What the client asked for. A filter may assign another name before candidates are looked up. */
  model: string;
  /** Another way for the answer than the usual one; a filter may assign it, keeping what others have asked for. */
  delivery?: Delivery | undefined;
  /** Decoded on first read. Assigning replaces it and takes this request off the byte path. */
  request: GenerateRequest;
  get<T>(slot: Slot<T>): T | undefined;
  set<T>(slot: Slot<T>, value: T): void;
}

/** One thing a policy did to the list of candidates. */
export interface Decision {
  readonly policy: string;
  readonly action: "drop" | "move";
  readonly candidate: Candidate;
  readonly reason: string;
  /** For drops: what kind of shortage it is; decides between 429 and 503. */
  readonly kind?: DropKind;
  /** Epoch milliseconds when the candidate may be back. */
  readonly until?: number;
}

/** `busy` ends when a request in flight ends; `other` says nothing about a time. */
export type DropKind = "rate_limited" | "quota_exhausted" | "busy" | "failing" | "dead" | "filtered" | "other";

export interface Attempt<Data = unknown> {
  readonly ctx: Context;
  /** 0 for the first. */
  readonly index: number;
  readonly candidate: Candidate;
  readonly provider: Provider<string, string, Data>;
  readonly model: string;
  readonly credential: Credential<Data>;
  readonly protocol: Protocol;
  /** Aborts when the client has gone, a limit fired or the attempt was given up. */
  readonly signal: AbortSignal;
  wire: Wire;
  /** Of the upstream's answer. */
  readonly status: number | undefined;
  readonly error: ProxyError | undefined;
  /** Epoch milliseconds, like all times here. */
  readonly startedAt: number;
  readonly headersAt: number | undefined;
  /** When the first content came. */
  readonly firstByteAt: number | undefined;
  readonly endedAt: number | undefined;
  /** What the upstream counted; known when its answer has ended, also where that was cut off. */
  readonly usage?: Usage | undefined;
  /** True once a byte may have reached the client; from here on nothing is retried. */
  readonly committed: boolean;
  /** The text the client has of an answer that broke off: this attempt is to go on behind it. */
  readonly soFar?: string | undefined;
  /** Records something that the upstream has no place for and the core could not know of. */
  lose(loss: Loss): void;
  /** Runs once when the attempt's body ends, fails or is cancelled. Last in, first out. */
  defer(cleanup: () => MaybePromise<void>): void;
}

export interface Outcome {
  /** Status sent to the client; 499 when it left before one was. */
  readonly status: number;
  readonly end: "complete" | "client-aborted" | "upstream-failed" | "refused";
  readonly path: "bytes" | "messages" | "events" | "none";
  readonly error: ProxyError | undefined;
  readonly usage: Usage | undefined;
  readonly finish: Finish | undefined;
  /** Bytes of body sent to the client. */
  readonly bytes: number;
  readonly startedAt: number;
  readonly firstByteAt: number | undefined;
  readonly endedAt: number;
  readonly losses: readonly Loss[];
  /** The attempt that answered, if one did. */
  readonly answeredBy: Attempt | undefined;
}

/** Makes a slot. Two slots are the same only if they are the same object. */
export function defineSlot<T>(name: string): Slot<T> {
  return { name };
}
