/** What one attempt sends, whatever it is asked for. */
import type { Candidate } from "../../plugin/context.ts";
import type { Operation, Protocol } from "../../protocols/types.ts";
import type { RequestState } from "../context.ts";
import { type Outgoing, translate } from "../translate.ts";
import { isEmbedding } from "./able.ts";
import { embedding } from "./embed.ts";

/** Throws a `ProxyError` with the code `unsupported_feature` when the upstream cannot be asked for this. */
export function outgoing(
  state: RequestState,
  candidate: Candidate,
  protocol: Protocol,
): Outgoing & { readonly operation: Operation } {
  const { operation } = state.ctx;
  if (isEmbedding(operation)) return embedding(state, candidate, protocol);
  const { body, toolNames } = translate(state, candidate, protocol);
  return { body, toolNames, operation };
}
