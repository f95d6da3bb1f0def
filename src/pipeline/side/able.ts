/** Which targets can do what a request asks for, when it does not ask for an answer in words. */
import { ProxyError } from "../../failure/error.ts";
import type { Target } from "../../plugin/context.ts";
import type { Operation } from "../../protocols/types.ts";
import type { RequestState } from "../context.ts";
import { protocolOf } from "../send.ts";

/** True for requests that ask for vectors. */
export function isEmbedding(operation: Operation): boolean {
  return operation === "embed" || operation === "embed-batch";
}

/**
 * The targets whose protocol has embeddings; the others are noted as left out. Throws a `ProxyError` with the code
 * `unsupported_feature` when none has.
 */
export function embeddingTargets(state: RequestState, targets: readonly Target[]): readonly Target[] {
  const able: Target[] = [];
  const unable: Target[] = [];
  for (const target of targets) (protocolOf(state, target).embedding ? able : unable).push(target);
  if (able.length === 0) throw noEmbeddings(state, unable);
  const { app } = state.ctx;
  for (const { provider, model, position } of unable) {
    const [credential] = app.credentials.list(provider.name);
    if (!credential) continue;
    state.decisions.push({
      policy: "protocol",
      action: "drop",
      candidate: { provider, model, position, credential },
      reason: "its protocol has no embeddings",
      kind: "filtered",
    });
  }
  return able;
}

function noEmbeddings(state: RequestState, targets: readonly Target[]): ProxyError {
  const { ctx } = state;
  const speakers = targets.map((target) => `${target.provider.name} (${protocolOf(state, target).id})`);
  return new ProxyError({
    kind: "invalid_request",
    scope: "request",
    code: "unsupported_feature",
    param: "model",
    message: `${routeOf(ctx.req)} cannot be answered for ${JSON.stringify(ctx.model.slice(0, 200))}: the protocol of ${[...new Set(speakers)].join(", ")} has no embeddings. Choose a model of another provider.`,
  });
}

function routeOf({ method, url }: Request): string {
  const { pathname } = new URL(url);
  return `${method} ${pathname.length > 100 ? `${pathname.slice(0, 100)}…` : pathname}`;
}
