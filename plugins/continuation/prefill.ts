/** Puts the beginning of an answer into the model's mouth, in the words of each protocol and dialect. */
import { type Body, type Json, type JsonObject, jsonBody } from "waygate";

/**
 * How a server is told to go on with the last turn. `turn`: a last turn of the assistant is enough (Anthropic API
 * reference, "Prefill"; Gemini; OpenRouter). `prefix`: that turn says `prefix: true` (DeepSeek "Chat prefix completion",
 * Mistral "Prefix"). `continue-final-message`: the request says so (vLLM, SGLang and Aphrodite).
 */
export type Prefill = "turn" | "prefix" | "continue-final-message";

/** The body with the text as the beginning of the answer; `undefined` for a protocol that has no place for it. */
export function withPrefill(body: Body, protocol: string, text: string, how: Prefill): Body | undefined {
  const { json } = body;
  switch (protocol) {
    case "openai-chat": {
      const turn = { role: "assistant", content: text, ...(how === "prefix" && { prefix: true }) };
      const messages = withTurn(json["messages"], turn);
      const more = how === "continue-final-message" && { continue_final_message: true, add_generation_prompt: false };
      return messages && jsonBody({ ...json, ...more, messages });
    }
    case "anthropic": {
      const messages = withTurn(json["messages"], { role: "assistant", content: text });
      return messages && jsonBody({ ...json, messages });
    }
    case "gemini": {
      const contents = withTurn(json["contents"], { role: "model", parts: [{ text }] });
      return contents && jsonBody({ ...json, contents });
    }
    default:
      return undefined;
  }
}

/** A conversation that ends with the assistant already would need its own beginning joined to ours: it is left alone. */
function withTurn(turns: Json | undefined, turn: JsonObject): Json[] | undefined {
  if (!Array.isArray(turns)) return undefined;
  const list = turns as readonly Json[];
  const last = list.at(-1);
  const role = typeof last === "object" && last !== null && !Array.isArray(last) ? (last as JsonObject)["role"] : "";
  return role === turn["role"] ? undefined : [...list, turn];
}
