/** The context of one request: what plugins see of it, and what the pipeline keeps beside that. */
import type { ConsolaInstance } from "consola";
import type { Body } from "../wire/body.ts";
import { ProxyError } from "../failure/error.ts";
import type { GenerateRequest, Usage } from "../protocols/canonical.ts";
import type { EmbedRequest, Inspection, Loss, Operation, Protocol } from "../protocols/types.ts";
import type { App } from "../plugin/app.ts";
import type { HeaderRecord } from "../plugin/provider.ts";
import type { Attempt, Context, Decision, Principal, Slot } from "../plugin/context.ts";
import type { Delivery } from "../plugin/delivery.ts";
import type { RunningAttempt } from "./attempt.ts";
import { Cancellation } from "./cancellation.ts";
import type { ForwardInit } from "./forward/accept.ts";
import type { Upload } from "./forward/upload.ts";
import { printable } from "./printed.ts";
import type { Resume } from "./resume.ts";
import { isEmbedding } from "./side/able.ts";
import { decodeFor, embeddingsStay } from "./side/decode.ts";
import type { Thread } from "./thread.ts";

export interface ContextInit {
  readonly app: App;
  readonly req: Request;
  readonly id: string;
  readonly protocol: Protocol;
  readonly operation: Operation;
  readonly ip: string | undefined;
}

/** What the pipeline keeps of a request beside what plugins see. */
export class RequestState {
  readonly ctx: Context;
  readonly startedAt: number;
  readonly attempts: Attempt[] = [];
  readonly decisions: Decision[] = [];
  readonly losses: Loss[] = [];
  /** Ends everything that runs for this request. */
  readonly cancellation: Cancellation = new Cancellation();
  principal: Principal | undefined = undefined;
  body: Body | undefined = undefined;
  stream = false;
  /** Whether the client asked for usage in the stream. */
  usage = false;
  /** Set when the request is only passed on. */
  forward: ForwardInit | undefined = undefined;
  /** The form of such a request, which is still arriving. */
  upload: Upload | undefined = undefined;
  /** How the client wants a stream to be written. */
  framing: Inspection["framing"] = undefined;
  /** The upstream is to keep its answer for a later request. */
  keeps = false;
  /** The answer this request continues. */
  continues: string | undefined = undefined;
  /** The id of the one credential this request may use. */
  onlyCredential: string | undefined = undefined;
  /** Several providers mint seals of the client's protocol, so it has to be known which one did. */
  sealsShared = false;
  /** Who minted the seals that stand in the request without a name, where that is known. */
  minters: ReadonlyMap<string, string> | undefined = undefined;
  /** What the client asks to have embedded, once decoded. */
  embed: EmbedRequest | undefined = undefined;
  /** Headers of the client that may go upstream; found out on the first attempt. */
  forwarded: HeaderRecord | undefined = undefined;
  /** The same for upstreams of another protocol. */
  forwardedAbroad: HeaderRecord | undefined = undefined;
  /** True when so many were waiting that this request could not. */
  turnedAway = false;
  /** True once the request has waited in a queue that a plugin keeps. */
  queued = false;
  /** True when the request has waited for a candidate in vain. */
  waited = false;
  /** True once a plugin has assigned `ctx.request`: the bytes of the client are not what is sent. */
  rewritten = false;
  /** What the client has of an answer that broke off and is gone on with. */
  thread: Thread | undefined = undefined;
  /** Who goes on with such an answer. */
  resume: ((attempt: RunningAttempt, ...broken: Parameters<Resume>) => ReturnType<Resume>) | undefined = undefined;
  /** What attempts have used whose answers broke off and were gone on with. */
  spent: Usage | undefined = undefined;
  /** True once the outcome has been recorded. */
  recorded = false;

  constructor(init: ContextInit) {
    this.startedAt = init.app.runtime.clock.now();
    this.ctx = new RequestContext(init, this);
  }
}

/** A class and not an object of closures: one is made for every request. */
class RequestContext implements Context {
  readonly id: string;
  readonly req: Request;
  readonly app: App;
  readonly protocol: Protocol;
  readonly operation: Operation;
  readonly ip: string | undefined;
  model = "";
  delivery: Delivery | undefined = undefined;
  readonly #state: RequestState;
  #slots: Map<Slot<unknown>, unknown> | undefined = undefined;
  #decoded: GenerateRequest | undefined = undefined;

  constructor({ app, req, id, protocol, operation, ip }: ContextInit, state: RequestState) {
    this.id = id;
    this.req = req;
    this.app = app;
    this.protocol = protocol;
    this.operation = operation;
    this.ip = ip;
    this.#state = state;
  }

  get signal(): AbortSignal {
    return this.#state.cancellation.signal;
  }
  get log(): ConsolaInstance {
    return this.app.log;
  }
  get attempts(): readonly Attempt[] {
    return this.#state.attempts;
  }
  get decisions(): readonly Decision[] {
    return this.#state.decisions;
  }
  get stream(): boolean {
    return this.#state.stream;
  }
  get principal(): Principal | undefined {
    return this.#state.principal;
  }
  get body(): Body {
    if (this.#state.body) return this.#state.body;
    throw new ProxyError({
      kind: "internal",
      message: "The body was read in an auth hook, which runs before it is accepted. Read it in a filter hook.",
    });
  }
  get request(): GenerateRequest {
    return (this.#decoded ??= { ...decodeFor(this), model: this.model });
  }
  set request(value: GenerateRequest) {
    if (isEmbedding(this.operation)) throw embeddingsStay();
    this.#decoded = value;
    this.#state.rewritten = true;
  }
  get<T>(slot: Slot<T>): T | undefined {
    return this.#slots?.get(slot) as T | undefined;
  }
  set<T>(slot: Slot<T>, value: T): void {
    (this.#slots ??= new Map()).set(slot, value);
  }
}

printable(RequestContext.prototype, ({ id, protocol, operation, model, principal, ip, attempts, decisions }) => ({
  id,
  protocol: protocol.id,
  operation,
  model,
  principal: principal?.id,
  ip,
  attempts,
  decisions: decisions.length,
}));
