/** One request from its headers to its record: auth → body → filter → loop → answer → record. */
import { FastResponse } from "srvx";
import type { Candidate, Target } from "../plugin/context.ts";
import type { JsonObject } from "../protocols/canonical.ts";
import type { Operation, Protocol } from "../protocols/types.ts";
import { renderError } from "../failure/render.ts";
import { encodeFrame } from "../wire/sse.ts";
import type { Answer } from "./answer.ts";
import { type AnswerEnded, answerFrom } from "./answering.ts";
import { nameAnswerer } from "./answer-headers.ts";
import { authenticate } from "./auth.ts";
import { acceptBody } from "./accept.ts";
import { RequestState } from "./context.ts";
import { acceptForward, type ForwardInit } from "./forward/accept.ts";
import { followClient, isNodeRequest } from "./client.ts";
import { StreamBody } from "./outlet.ts";
import { errorResponse } from "./error-response.ts";
import type { Hooks } from "../plugin/hooks.ts";
import { first, isPromise } from "./hooks.ts";
import { beforeSign, type KeepAlive, keepAliveOf, waitingBody } from "./keep-alive.ts";
import type { LoopResult } from "./loop.ts";
import { conclude, refuse } from "./ending.ts";
import { finishRequest } from "./outcome.ts";
import { eventStream } from "./path.ts";
import type { Pipeline } from "./pipeline.ts";
import { createResume } from "./resume.ts";
import { isShared } from "./seal-ledger.ts";
import { answerCount } from "./side/count.ts";
import { tapAnswer } from "./tap.ts";
import { targetsOf } from "./targets.ts";
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
    const response = errorResponse(state, error);
    refuse(pipeline, state, error, response.status);
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
  const call = { state, pool, hooks, targets };
  const ended: AnswerEnded = (reply, attempt, end, bytes) => {
    unlink();
    conclude(pipeline, state, attempt, { reply, end, bytes });
  };
  state.resume = createResume(call, ended);
  const answering = answerFrom(call, ended, (given) => tapAnswer(state, given.answer));
  const alive = keepAliveOf(state);
  const loop = alive ? await beforeSign(state, alive, answering) : await answering;
  if (alive && !loop) return respondEarly(pipeline, state, init.req, { alive, answering, unlink });
  const { answer: given, attempt, preferred } = loop ?? (await answering);
  const { headers } = given;
  nameAnswerer(headers, attempt);
  const home = preferredProvider(targets, preferred);
  if (home !== undefined && home !== attempt.provider.name) headers["x-fallback-provider"] = attempt.provider.name;
  return new FastResponse(bodyFor(init.req, given.body), { status: given.status, headers });
}

interface Early {
  readonly alive: KeepAlive;
  readonly answering: Promise<LoopResult>;
  readonly unlink: () => void;
}

/** A stream that has begun before anybody has answered. Nobody is named in its headers, and a failure comes inside it. */
function respondEarly(
  pipeline: Pipeline,
  state: RequestState,
  req: Request,
  { alive, answering, unlink }: Early,
): Response {
  const { ctx } = state;
  const body = waitingBody({
    ...alive,
    clock: ctx.app.runtime.clock,
    pending: answering.then(({ answer: { body: given } }) => given),
    left: (reason) => state.cancellation.abort(reason),
    failed(error) {
      unlink();
      refuse(pipeline, state, error, 200);
      return ctx.protocol.encodeStreamError(renderError(error, ctx.id)).map(encodeFrame).join("");
    },
  });
  return new FastResponse(bodyFor(req, body), { status: 200, headers: { ...eventStream, "x-request-id": ctx.id } });
}

/** A Node server takes a stream directly; everybody else gets a web stream. */
function bodyFor(req: Request, body: Answer["body"]): BodyInit | null {
  if (!(body instanceof StreamBody)) return body.length === 0 ? null : (body as BodyInit);
  return isNodeRequest(req) ? (body as unknown as BodyInit) : body.readable();
}

/** Whom the name alone prefers; among equals, whom the policies put first. */
function preferredProvider(targets: readonly Target[], preferred: Candidate | undefined): string | undefined {
  const [head] = targets;
  const equals = targets.filter((target) => target.position === head?.position);
  const alone = equals.every((target) => target.provider === head?.provider);
  return alone ? head?.provider.name : preferred?.provider.name;
}
