/** OpenAI's Chat Completions API, and what the many servers compatible with it make of it; its embeddings too. */
import type { Protocol } from "../types.ts";
import { decoder } from "./decoder.ts";
import { embedding } from "./embedding.ts";
import { encoder } from "./encoder.ts";
import { encodeError, encodeStreamError } from "./errors.ts";
import { inspect, retarget } from "./inspect.ts";
import { probe } from "./probe.ts";
import { decodeRequest, encodeRequest } from "./request.ts";

export const openaiChat: Protocol<"openai-chat"> = {
  id: "openai-chat",
  routes: { "POST /v1/chat/completions": "generate", "POST /v1/embeddings": "embed" },
  // What OpenAI's API answers to others: names must match ^[a-zA-Z0-9_-]+$, ids have at most 40 characters.
  tools: { name: { forbidden: /[^\w-]/g, max: 64 }, id: { forbidden: /[^\x20-\x7e]/g, max: 40 } },
  inspect,
  path: (_model, _stream, operation) => (operation === "embed" ? "/embeddings" : "/chat/completions"),
  retarget,
  decodeRequest,
  encodeRequest,
  embedding,
  decoder,
  encoder,
  probe,
  encodeError,
  encodeStreamError,
};
