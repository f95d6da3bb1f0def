/** One request from its headers to its record: auth → body → filter → loop → answer → record. */
import { FastResponse } from "srvx";
import { ProxyError } from "../failure/error.ts";
import type { Candidate, Outcome, Target } from "../plugin/context.ts";
import type { JsonObject } from "../protocols/canonical.ts";
import type { Operation, Protocol } from "../protocols/types.ts";
import type { Answer, AnswerEnd } from "./answer.ts";
import { nameAnswerer } from "./answer-headers.ts";
import { authenticate } from "./auth.ts";
import { acceptBody } from "./accept.ts";
import type { RunningAttempt } from "./attempt.ts";
import { RequestState } from "./context.ts";
import { acceptForward, type ForwardInit } from "./forward/accept.ts";
import { followClient, isNodeRequest } from "./client.ts";
import { StreamBody } from "./outlet.ts";
import { errorResponse } from "./error-response.ts";
import type { Hooks } from "../plugin/hooks.ts";
import { first, isPromise } from "./hooks.ts";
import { runLoop } from "./loop.ts";
import { logLosses } from "./loss-log.ts";
import { finishRequest } from "./outcome.ts";
import type { Pipeline } from "./pipeline.ts";
import { remember } from "./remember.ts";
import { isShared } from "./seal-ledger.ts";
import { answerCount } from "./side/count.ts";
import { targetsOf } from "./targets.ts";
import { askFail } from "./verdict.ts";
import { withId } from "./with-id.ts";

export interface RequestInit {
  readonly req: Request;
  readonly id: string;
  readonly ip: string | undefined;
  readonly protocol: Protocol;
  readonly operation: Operation;
  /** Reads the body as text; rejects with a `ProxyError` when it is too large or never ends. */
  readonly readBody: () => Promise<string>;
  /** For routes whose requests are only passed on. */
  readonly forward?: ForwardInit;
  /** For routes that count tokens in a shape of their own: names nobody offers are counted there too. */
  readonly writeCount?: (tokens: number) => JsonObject;
}

/** Never rejects: whatever fails is an answer in the client's protocol. */
export async function handleRequest(pipeline: Pipeline, init: RequestInit): Promise<Response> {
  const { app } = pipeline;
  const state = new RequestState({ ...init, app });
  const unfollow = followClient(init.req, state.cancellation);
  const unlink = (): void => {
    unfollow();
    state.upload?.close();
  };
  try {
    return await answer(pipeline, state, init, unlink);
  } catch (error) {
    unlink();
    const fault = state.upload?.failure;
    const left = state.cancellation.aborted || fault?.kind === "aborted";
    if (!ProxyError.is(error)) app.log.error(`Request ${state.ctx.id} failed inside the proxy:`, error);
    else logMistake(state, error);
    const response = errorResponse(state, error);
    finishRequest(pipeline, state, {
      status: left ? 499 : response.status,
      end: left ? "client-aborted" : state.attempts.length > 0 && !fault ? "upstream-failed" : "refused",
      error: ProxyError.is(error) ? error : undefined,
    });
    return response;
  }
}

async function answer(
  pipeline: Pipeline,
  state: RequestState,
  init: RequestInit,
  unlink: () => void,
): Promise<Response> {
  const { app, hooks, pool } = pipeline;
  const { ctx } = state;
  const principal = authenticate(app, hooks, ctx);
  state.principal = isPromise(principal) ? await principal : principal;
  if (init.forward) await acceptForward(state, init.forward, init.readBody);
  else acceptBody(state, await init.readBody());
  state.sealsShared = isShared(app, ctx.protocol);

  const filtered = first<Hooks["filter"], Response>(hooks.filter, app.runtime.tracer, ctx, (hook) => hook.handler(ctx));
  const replied = isPromise(filtered) ? await filtered : filtered;
  if (replied) {
    unlink();
    finishRequest(pipeline, state, { status: replied.status, end: "complete" });
    return withId(replied, ctx.id);
  }

  if (ctx.operation === "count-tokens") {
    const counted = await answerCount(pipeline, state, init.writeCount);
    unlink();
    return counted;
  }

  const found = targetsOf(state);
  const targets = isPromise(found) ? await found : found;
  let answered: Answer | undefined = undefined;
  let early: ((reply: Answer) => void) | undefined;
  const loop = await runLoop({
    state,
    pool,
    hooks,
    targets,
    // A whole answer has ended before its headers are known here; the record waits until they are.
    onEnd: (attempt, end, bytes) => {
      const settle = (reply: Answer): void => {
        unlink();
        conclude(pipeline, state, attempt, { reply, end, bytes });
      };
      if (answered) settle(answered);
      else early = settle;
    },
  });
  answered = loop.answer;
  early?.(answered);
  const { provider } = loop.attempt;
  const { headers } = loop.answer;
  nameAnswerer(headers, loop.attempt);
  const home = preferredProvider(targets, loop.preferred);
  if (home !== undefined && home !== provider.name) headers["x-fallback-provider"] = provider.name;
  return new FastResponse(bodyFor(init.req, loop.answer.body), { status: loop.answer.status, headers });
}

/** A Node server takes a stream directly; everybody else gets a web stream. */
function bodyFor(req: Request, body: Answer["body"]): BodyInit | null {
  if (!(body instanceof StreamBody)) return body.length === 0 ? null : (body as BodyInit);
  return isNodeRequest(req) ? (body as unknown as BodyInit) : body.readable();
}

/** Settles the answering attempt, tells `fail` about a break after commit, records. */
function conclude(
  pipeline: Pipeline,
  state: RequestState,
  attempt: RunningAttempt,
  { reply, end, bytes }: { readonly reply: Answer; readonly end: AnswerEnd; readonly bytes: number },
): void {
  if (state.losses.length > 0) logLosses(state, attempt);
  const seen = reply.seen();
  const { usage, finish } = seen;
  const outcome = {
    status: reply.status,
    end: "complete" as Outcome["end"],
    path: reply.path,
    usage,
    finish,
    bytes,
    answeredBy: attempt,
    error: undefined as ProxyError | undefined,
  };
  if (end.how === "cancelled") outcome.end = "client-aborted";
  if (end.how === "failed") {
    outcome.end = "upstream-failed";
    outcome.error = attempt.error = end.error;
    logMistake(state, end.error);
  }
  // Told before the place is given back: whoever waits for it must not get a key that is about to rest.
  const telling = end.how === "failed" ? askFail(state, pipeline.hooks, end.error, attempt) : undefined;
  const settling = attempt.settle();
  const remembering = remember(state, attempt, seen);
  if (!telling && !settling && !remembering) {
    finishRequest(pipeline, state, outcome);
    return;
  }
  const after = async (): Promise<void> => {
    await settling;
    await telling;
    await remembering;
    finishRequest(pipeline, state, outcome);
  };
  after().catch((error: unknown) => state.ctx.log.error("The end of a request could not be recorded:", error));
}

/** The client is told nothing of what plugins and the proxy do wrong, so it must be found here. */
function logMistake({ ctx }: RequestState, error: ProxyError): void {
  if (error.kind === "internal") ctx.log.error(`Request ${ctx.id}: ${error.message}`, error.cause ?? "");
}

/** Whom the name alone prefers; among equals, whom the policies put first. */
function preferredProvider(targets: readonly Target[], preferred: Candidate | undefined): string | undefined {
  const [head] = targets;
  const equals = targets.filter((target) => target.position === head?.position);
  const alone = equals.every((target) => target.provider === head?.provider);
  return alone ? head?.provider.name : preferred?.provider.name;
}
