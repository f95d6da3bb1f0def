/** Anthropic's Messages API, in its versions 2023-06-01 and 2026-10-21, which share the grammar written here. */
import type { Protocol } from "../types.ts";
import { counting } from "./counting.ts";
import { decoder } from "./decoder.ts";
import { encoder } from "./encoder.ts";
import { encodeError, encodeStreamError } from "./errors.ts";
import { inspect } from "./inspect.ts";
import { retarget } from "./mend.ts";
import { probe } from "./probe.ts";
import { decodeRequest, encodeRequest } from "./request.ts";

export const anthropic: Protocol<"anthropic"> = {
  id: "anthropic",
  routes: { "POST /v1/messages": "generate", "POST /v1/messages/count_tokens": "count-tokens" },
  sealMarks: ['"signature"', '"redacted_thinking"'],
  // The API names both patterns when it refuses a text: `^[a-zA-Z0-9_-]{1,128}$` and `^[a-zA-Z0-9_-]+$`.
  tools: { name: { forbidden: /[^\w-]/g, max: 128 }, id: { forbidden: /[^\w-]/g, max: 64 } },
  inspect,
  path: (_model, _stream, operation) => (operation === "count-tokens" ? "/messages/count_tokens" : "/messages"),
  retarget,
  decodeRequest,
  encodeRequest,
  counting,
  // Anthropic API reference, "Streaming messages": pings may stand anywhere. Its clients skip them by their name.
  keepAlive: 'event: ping\ndata: {"type": "ping"}\n\n',
  decoder,
  encoder,
  probe,
  encodeError,
  encodeStreamError,
};
