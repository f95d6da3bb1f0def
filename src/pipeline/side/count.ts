/** Counting the tokens of a request without generating: the upstream's own counter where it has one, else an estimate. */
import { FastResponse } from "srvx";
import { modelNamed } from "../../catalog/target.ts";
import { countTokens } from "../../catalog/tokens.ts";
import { ProxyError } from "../../failure/error.ts";
import type { Target } from "../../plugin/context.ts";
import type { JsonObject } from "../../protocols/canonical.ts";
import { nameAnswerer } from "../answer-headers.ts";
import type { RequestState } from "../context.ts";
import { finishRequest } from "../outcome.ts";
import type { Pipeline } from "../pipeline.ts";
import { targetsOf } from "../targets.ts";
import { askCounters } from "./counter.ts";

/** Says that no upstream was asked, or none could tell. */
const estimatedHeader = "x-waygate-estimated";

/**
 * `own` writes the answer where it is not the client's protocol that does; then names nobody offers are counted as well.
 * Throws a `ProxyError` for what is wrong with the request itself; a counter that fails is no failure of the request.
 */
export async function answerCount(
  pipeline: Pipeline,
  state: RequestState,
  own?: (tokens: number) => JsonObject,
): Promise<Response> {
  const { ctx } = state;
  const headers: { [name: string]: string } = { "content-type": "application/json" };
  const targets = await known(state, own !== undefined);
  const counted = await askCounters(pipeline, state, targets);
  const write = own ?? ctx.protocol.counting?.encodeAnswer;
  if (!write)
    throw new ProxyError({ kind: "internal", message: `The protocol ${ctx.protocol.id} cannot tell a count.` });

  let text: string;
  if (counted) {
    const { attempt } = counted;
    Object.assign(headers, counted.headers);
    nameAnswerer(headers, attempt);
    // The upstream may say more than the number; its own protocol's client gets all of it.
    const same = own === undefined && attempt.protocol === ctx.protocol;
    text = same ? counted.text : JSON.stringify(write(counted.tokens));
  } else {
    const model = targets[0]?.model ?? modelNamed(ctx.model, ctx.app.models).model;
    headers["x-request-id"] = ctx.id;
    headers["x-waygate-attempts"] = String(ctx.attempts.length);
    headers[estimatedHeader] = "true";
    text = JSON.stringify(write(await countTokens(ctx.request, model, ctx.signal)));
  }
  finishRequest(pipeline, state, {
    status: 200,
    end: "complete",
    path: counted ? "bytes" : "none",
    bytes: Buffer.byteLength(text),
    answeredBy: counted?.attempt,
  });
  return new FastResponse(text, { status: 200, headers });
}

/** A name nobody offers has no counter, and can still be estimated where no protocol says that it must be known. */
async function known(state: RequestState, any: boolean): Promise<readonly Target[]> {
  try {
    return await targetsOf(state);
  } catch (error) {
    if (any && ProxyError.is(error) && error.kind === "not_found") return [];
    throw error;
  }
}
