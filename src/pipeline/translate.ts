/** The body for one attempt, always made from the pristine request: the client's own bytes, or a translation. */
import { ProxyError } from "../failure/error.ts";
import type { Candidate } from "../plugin/context.ts";
import { fitTools } from "../protocols/fit-tools.ts";
import { withoutForeignSeals } from "../protocols/foreign-seals.ts";
import { mayHoldSeal } from "../protocols/seal.ts";
import type { Loss, Protocol } from "../protocols/types.ts";
import type { Body } from "../wire/body.ts";
import type { RequestState } from "./context.ts";

export interface Outgoing {
  readonly body: Body;
  /** The client's name of a tool by the name the upstream was told; absent when they are all the same. */
  readonly toolNames: ReadonlyMap<string, string> | undefined;
}

/**
 * Sets the losses of the request to those of this body. Throws a `ProxyError` with the code `unsupported_feature` when
 * the upstream cannot be asked for this, or only in part and the client wants all of it (`strict`).
 */
export function translate(state: RequestState, candidate: Candidate, protocol: Protocol): Outgoing {
  const { ctx } = state;
  const usage = state.stream && candidate.provider.streamUsage !== false;
  state.losses.length = 0;
  if (mayPassAsBytes(state, candidate, protocol)) {
    const body = protocol.retarget(ctx.body, candidate.model, { usage: usage && !state.usage });
    return { body, toolNames: undefined };
  }
  const lose = (loss: Loss): void => void state.losses.push(loss);
  const reader = { protocol: protocol.id, provider: candidate.provider.name, minters: state.minters };
  const asked = { ...ctx.request, model: candidate.model, stream: state.stream };
  const { request, names } = fitTools(withoutForeignSeals(asked, reader, lose), protocol.tools);
  const body = protocol.encodeRequest(request, lose);
  refuseLosses(state, candidate, protocol);
  return { body: usage ? protocol.retarget(body, candidate.model, { usage }) : body, toolNames: names };
}

/** True when this upstream may see the client's own bytes. */
export function mayPassAsBytes(state: RequestState, candidate: Candidate, protocol: Protocol): boolean {
  return protocol === state.ctx.protocol && !state.rewritten && !holdsForeignSeals(state, candidate);
}

/** Throws a `ProxyError` with the code `unsupported_feature` when something was lost and the client wants all of it. */
export function refuseLosses(state: RequestState, candidate: Candidate, protocol: Protocol): void {
  if (state.losses.length > 0 && isStrict(state)) throw tooMuchLost(state.losses, candidate, protocol);
}

/** True when bytes of the client hold seals that this upstream did not mint. */
function holdsForeignSeals({ ctx, minters }: RequestState, { provider }: Candidate): boolean {
  if (mayHoldSeal(ctx.body.text)) return true;
  if (!minters) return false;
  for (const minter of minters.values()) if (minter !== provider.name) return true;
  return false;
}

function isStrict({ ctx }: RequestState): boolean {
  return ctx.app.config.strict || ctx.req.headers.get("x-waygate-strict") === "on";
}

function tooMuchLost(losses: readonly Loss[], { provider, model }: Candidate, protocol: Protocol): ProxyError {
  const list = [...new Set(losses.map(({ what, where }) => `${what} (${where})`))].slice(0, 10).join(", ");
  return new ProxyError({
    kind: "invalid_request",
    scope: "request",
    code: "unsupported_feature",
    param: losses[0]?.where,
    message: `${provider.name}/${model} speaks ${protocol.id}, which has no place for: ${list}. Leave it out, choose another model, or allow losses (strict is on).`,
  });
}

/** True for requests that an upstream of another protocol may still be able to take. */
export function isUnsupported(error: unknown): error is ProxyError {
  return ProxyError.is(error) && error.code === "unsupported_feature";
}
