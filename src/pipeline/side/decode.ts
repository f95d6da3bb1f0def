/** What hooks read as `ctx.request` of a request that does not ask for an answer in words. */
import { ProxyError } from "../../failure/error.ts";
import type { Context } from "../../plugin/context.ts";
import type { GenerateRequest } from "../../protocols/canonical.ts";
import { isEmbedding } from "./able.ts";

/** The messages to be counted; the texts to be embedded, one message each; for all others the request itself. */
export function decodeFor({ protocol, operation, body, req }: Context): GenerateRequest {
  if (operation === "count-tokens" && protocol.counting) return protocol.counting.decodeRequest(body, req);
  if (!isEmbedding(operation) || !protocol.embedding) return protocol.decodeRequest(body, req);
  const { model, inputs, user } = protocol.embedding.decodeRequest(body, req);
  return {
    model,
    stream: false,
    messages: inputs.flatMap((input) =>
      typeof input === "string" ? [{ role: "user", parts: [{ type: "text", text: input }] }] : [],
    ),
    user,
  };
}

/** The error for a hook that assigns `ctx.request` of an embedding. */
export function embeddingsStay(): ProxyError {
  return new ProxyError({
    kind: "internal",
    message: "ctx.request of an embedding can be read but not replaced. Look at ctx.operation before assigning it.",
  });
}
