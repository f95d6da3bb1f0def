/** OpenAI's Chat Completions API, and what the many servers compatible with it make of it. */
import type { Protocol } from "../types.ts";
import { decoder } from "./decoder.ts";
import { encoder } from "./encoder.ts";
import { encodeError, encodeStreamError } from "./errors.ts";
import { inspect, retarget } from "./inspect.ts";
import { probe } from "./probe.ts";
import { decodeRequest, encodeRequest } from "./request.ts";

export const openaiChat: Protocol<"openai-chat"> = {
  id: "openai-chat",
  routes: { "POST /v1/chat/completions": "generate" },
  inspect,
  path: () => "/chat/completions",
  retarget,
  decodeRequest,
  encodeRequest,
  decoder,
  encoder,
  probe,
  encodeError,
  encodeStreamError,
};
