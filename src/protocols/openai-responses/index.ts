/** OpenAI's Responses API. */
import { encodeError } from "../openai-errors.ts";
import type { Protocol } from "../types.ts";
import { decoder } from "./decoder.ts";
import { encoder } from "./encoder.ts";
import { encodeStreamError } from "./errors.ts";
import { inspect, retarget } from "./inspect.ts";
import { probe } from "./probe.ts";
import { decodeRequest, encodeRequest } from "./request.ts";

export const openaiResponses: Protocol<"openai-responses"> = {
  id: "openai-responses",
  routes: { "POST /v1/responses": "generate" },
  sealMarks: ['"encrypted_content"'],
  // OpenAI's own error messages name both limits.
  tools: { name: { forbidden: /[^\w-]/g, max: 64 }, id: { forbidden: /[^\x21-\x7e]/g, max: 64 } },
  inspect,
  path: () => "/responses",
  retarget,
  decodeRequest,
  encodeRequest,
  decoder,
  encoder,
  probe,
  encodeError,
  encodeStreamError,
};
