/**
 * The hooks and their kinds. One kind per hook, forever; `docs/plugins.md` has the table.
 *
 * | hook | kind | an exception means |
 * |---|---|---|
 * | auth | first wins | rejected |
 * | filter | series | the request fails |
 * | selectKey | reduce | the request fails |
 * | transform | series, per attempt | the attempt fails |
 * | call | onion, per attempt, first listed is outermost | the attempt fails |
 * | fail | all are told, first verdict wins | logged |
 * | event | series, per event, synchronous | the stream ends with an error |
 * | record | parallel | logged |
 */
import type { ProxyError } from "../failure/error.ts";
import type { StreamEvent } from "../protocols/canonical.ts";
import type { Attempt, Candidate, Context, DropKind, Outcome, Principal, Target } from "./context.ts";
import type { MaybePromise, Provider } from "./provider.ts";

/** What to do after a failed attempt. */
export interface Verdict {
  /** `next`: another candidate; `same`: this one again; `stop`: answer with the error. */
  readonly then: "next" | "same" | "stop";
  /** Milliseconds to wait first. */
  readonly after?: number;
}

/** Given to `selectKey` so that a policy can say why. What is not said is recorded with the policy's name only. */
export interface Selection {
  drop(candidate: Candidate, why: { readonly reason: string; readonly kind?: DropKind; readonly until?: number }): void;
  move(candidate: Candidate, reason: string): void;
  /** True when someone will read every reason (`explain`); otherwise only changes of the first place are kept. */
  readonly detailed: boolean;
}

export interface Hooks {
  /** First wins. `undefined` declines; 401 when all decline. */
  auth(ctx: Context): MaybePromise<Principal | undefined | void>;
  /** In series. A `Response` answers at once. */
  filter(ctx: Context): MaybePromise<Response | undefined | void>;
  /** Reduce. The head of the final list is tried. Return candidates from the list given, in the order wanted. */
  selectKey(candidates: readonly Candidate[], ctx: Context, selection: Selection): MaybePromise<readonly Candidate[]>;
  /** In series, per attempt, before the provider's `prepare`. */
  transform(attempt: Attempt): MaybePromise<void>;
  /** Onion, per attempt. The provider is the core. `next` may be called once. */
  call(attempt: Attempt, next: () => Promise<Response>): Promise<Response>;
  /** Told of every failure, also after commit (`attempt.committed`, then the verdict is ignored). */
  fail(error: ProxyError, attempt: Attempt): MaybePromise<Verdict | undefined | void>;
  /** Where it applies the byte path is off. `undefined` drops the event. */
  event(event: StreamEvent, ctx: Context): StreamEvent | readonly StreamEvent[] | undefined;
  /** Once per request, after the last byte. Cannot fail the request. */
  record(outcome: Outcome, ctx: Context): MaybePromise<void>;
}

/**
 * Where a `selectKey` hook stands in the fixed precedence, whatever its place in the list. Drops come first; then
 * alias position > tier > key priority > affinity > balance, each stable within the one before. Default `balance`.
 */
export type Precedence = "drop" | "tier" | "affinity" | "balance";

/** Credentials a request would return to. */
export interface Sought {
  /** Ids, the most wanted first. */
  readonly credentials: readonly string[];
  /** Milliseconds to wait for the first of them when all its places are taken. Default 0. */
  readonly wait?: number;
}

/** Targets that are worth a wait before the others are asked. */
export interface Favoured {
  readonly targets: readonly Target[];
  /** Milliseconds that one request waits for them at most. */
  readonly wait: number;
}

export interface HookObject<F> {
  readonly order?: "pre" | "post";
  /** Declines cheaply; for `event` it also keeps the byte path for the requests it declines. */
  when?(ctx: Context): boolean;
  readonly precedence?: Precedence;
  /** For `selectKey`: with more than 64 credentials, let each request look at the next ones in turn; or for which providers. */
  readonly spread?: boolean | ((provider: Provider) => boolean);
  /** For `selectKey`: credentials to be among those looked at, however many there are. Asked only where `when` applies. */
  seek?(ctx: Context): Sought | undefined;
  /**
   * For `selectKey`: targets whose keys are waited for when all of them are busy, at a limit or at rest, but could be
   * back in time. The first plugin that has this is asked, once per request.
   */
  favour?(targets: readonly Target[], ctx: Context): Favoured | undefined;
  readonly handler: F;
}

export type Hook<F> = F | HookObject<F>;

export type PluginHooks = { readonly [K in keyof Hooks]?: Hook<Hooks[K]> };
