/**
 * Upstreams of the four protocols for tests with real clients: what they send is written out by hand from the
 * providers' references and shares no code with the codecs under test.
 */
import { anthropic } from "./wire/anthropic.ts";
import { gemini } from "./wire/gemini.ts";
import { openaiChat } from "./wire/openai-chat.ts";
import { openaiResponses } from "./wire/openai-responses.ts";
import type { ProtocolId, WireScript } from "./wire/types.ts";

export const wires: { readonly [Id in ProtocolId]: WireScript } = {
  "openai-chat": openaiChat,
  "openai-responses": openaiResponses,
  anthropic,
  gemini,
};
