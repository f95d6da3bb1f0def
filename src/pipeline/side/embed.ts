/** Embeddings: the client's own bytes where both sides speak one protocol, else a translation. Answers come whole. */
import { ProxyError } from "../../failure/error.ts";
import type { Candidate } from "../../plugin/context.ts";
import type { EmbedCodec, EmbedRequest, Operation, Protocol } from "../../protocols/types.ts";
import { type Answer, failedInside } from "../answer.ts";
import type { RequestState } from "../context.ts";
import { type Outgoing, refuseLosses } from "../translate.ts";
import { finished, jsonHeaders, pathOf, readObject, type WholeCall } from "../whole.ts";

export interface OutgoingEmbedding extends Outgoing {
  /** Whose path the body belongs to: a single text and several may have one each. */
  readonly operation: Operation;
}

/** The body for one attempt. Throws a `ProxyError` with the code `unsupported_feature` as `translate` does. */
export function embedding(state: RequestState, candidate: Candidate, protocol: Protocol): OutgoingEmbedding {
  const { ctx } = state;
  const codec = codecOf(protocol);
  state.losses.length = 0;
  if (protocol === ctx.protocol) {
    return { body: codec.retarget(ctx.body, candidate.model), toolNames: undefined, operation: ctx.operation };
  }
  const request = { ...embedRequestOf(state), model: candidate.model };
  const { body, operation } = codec.encodeRequest(request, (loss) => state.losses.push(loss));
  refuseLosses(state, candidate, protocol);
  return { body, operation, toolNames: undefined };
}

/** Reads the answer whole; what holds no vectors is a failure of the upstream. */
export async function receiveEmbedding(call: WholeCall): Promise<Answer> {
  const { state, attempt, source, onEnd } = call;
  const { ctx } = state;
  const { text, body, json } = await readObject(attempt, source);
  const answer = codecOf(attempt.protocol).decodeAnswer(json);
  if (!answer) throw failedInside(attempt, source, text);
  const headers = jsonHeaders(source);
  const seen = (): ReturnType<Answer["seen"]> => ({ usage: answer.usage, finish: undefined });
  if (attempt.protocol === ctx.protocol) {
    return finished(attempt, { headers, body, path: pathOf(body), seen }, onEnd);
  }
  const request = { ...embedRequestOf(state), model: attempt.model };
  if (answer.vectors.length !== request.inputs.length) {
    const message = `The upstream gave ${answer.vectors.length} vectors for ${request.inputs.length} inputs.`;
    throw new ProxyError({ kind: "upstream", message });
  }
  const encoded = codecOf(ctx.protocol).encodeAnswer(answer, request, ctx.operation);
  return finished(attempt, { headers, body: JSON.stringify(encoded), path: "events", seen }, onEnd);
}

/** What the client asks to have embedded, decoded once per request. */
function embedRequestOf(state: RequestState): EmbedRequest {
  const { ctx } = state;
  return (state.embed ??= { ...codecOf(ctx.protocol).decodeRequest(ctx.body, ctx.req), model: ctx.model });
}

function codecOf({ id, embedding: codec }: Protocol): EmbedCodec {
  if (codec) return codec;
  throw new ProxyError({
    kind: "internal",
    message: `The protocol ${id} has a route for embeddings and no codec for them.`,
  });
}
