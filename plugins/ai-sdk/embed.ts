/** Embeddings in the client's protocol, made by a model of the AI SDK. */
import { type Attempt, type EmbedAnswer, ProxyError, unsupported, type Wire } from "waygate";
import { failedCall } from "./failures.ts";
import { type AiSdkEmbeddingModel, isFields } from "./model.ts";

interface EmbedOptions {
  readonly values: readonly string[];
  readonly dimensions?: number;
  readonly abortSignal: AbortSignal;
  readonly headers: { readonly [name: string]: string };
  readonly providerOptions?: object;
}

type Init = Pick<EmbedOptions, "headers" | "providerOptions">;

/** Rejects with a `ProxyError` where there is no status. */
export async function embed(wire: Wire, attempt: Attempt, model: AiSdkEmbeddingModel, init: Init): Promise<Response> {
  const { protocol, ctx } = attempt;
  const codec = protocol.embedding;
  if (!codec || !wire.body) throw new ProxyError({ kind: "internal", message: "There is nothing to embed." });
  const request = codec.decodeRequest(wire.body, ctx.req);
  const values = request.inputs.map((input) => {
    if (typeof input === "string") return input;
    throw unsupported("input", "the AI SDK takes texts and no tokens.");
  });
  try {
    const common = { ...init, dimensions: request.dimensions, abortSignal: attempt.signal };
    const answer = await inBatches(values, model, common);
    return Response.json(codec.encodeAnswer(answer, request, ctx.operation));
  } catch (error) {
    if (attempt.signal.aborted) throw error;
    return failedCall(error, attempt);
  }
}

async function inBatches(
  values: readonly string[],
  model: AiSdkEmbeddingModel,
  options: Omit<EmbedOptions, "values">,
): Promise<EmbedAnswer> {
  const most = (await model.maxEmbeddingsPerCall) ?? values.length;
  const size = Math.max(1, Math.min(most, values.length));
  const vectors: (readonly number[])[] = [];
  let tokens: number | undefined;
  for (let at = 0; at < values.length; at += size) {
    const batch: EmbedOptions = { ...options, values: values.slice(at, at + size) };
    const { embeddings, usage } = (await model.doEmbed(batch as never)) as {
      readonly embeddings: readonly (readonly number[])[];
      readonly usage?: unknown;
    };
    vectors.push(...embeddings);
    const used = isFields(usage) ? usage["tokens"] : undefined;
    if (typeof used === "number") tokens = (tokens ?? 0) + used;
  }
  return { vectors, ...(tokens !== undefined && Number.isFinite(tokens) && { usage: { input: tokens } }) };
}
