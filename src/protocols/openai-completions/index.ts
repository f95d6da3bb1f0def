/** OpenAI's legacy Completions API: one text in, its continuation out. */
import { encodeError, encodeStreamError } from "../openai-chat/errors.ts";
import { createProbe } from "../openai-chat/probe.ts";
import { isText } from "../json.ts";
import type { Protocol } from "../types.ts";
import { decoder } from "./decoder.ts";
import { encoder } from "./encoder.ts";
import { inspect, retarget } from "./inspect.ts";
import { decodeRequest, encodeRequest } from "./request.ts";

export const openaiCompletions: Protocol<"openai-completions"> = {
  id: "openai-completions",
  routes: { "POST /v1/completions": "generate" },
  inspect,
  path: () => "/completions",
  retarget,
  decodeRequest,
  encodeRequest,
  decoder,
  encoder,
  probe: (init) => createProbe(init, ({ text }) => ({ content: isText(text), calls: false })),
  encodeError,
  encodeStreamError,
};
