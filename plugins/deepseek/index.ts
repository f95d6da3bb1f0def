/** DeepSeek's own API. */
import { type Body, type JsonObject, textBody, withEachField, withField, withoutField } from "waygate";
import { messagesIn, providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = ["deepseek-v4-pro", "deepseek-v4-flash", "deepseek-chat", "deepseek-reasoner"] as const;

/** Keys from `DEEPSEEK_API_KEY`. */
export const deepseek: ProviderFunction<"deepseek", (typeof models)[number]> = providerFunction({
  name: "deepseek",
  defaultBaseURL: "https://api.deepseek.com/v1",
  completions: false,
  models,
  rename: { max_completion_tokens: "max_tokens" },
  drop: ["seed", "top_k", "n", "logit_bias", "parallel_tool_calls"],
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  adapt: (body) => withReasoning(withThinking(body)),
});

/** While it thinks, every assistant turn with tool calls must carry its reasoning (DeepSeek docs, "Thinking mode"). */
function withReasoning(body: Body): Body {
  if (!messagesIn(body.json).some(isMute)) return body;
  return withEachField(body, ["messages", "*"], (text) => {
    const message = textBody(text);
    return isMute(message.json) ? withField(message, ["reasoning_content"], "").text : text;
  });
}

function isMute({ role, tool_calls: calls, reasoning_content: reasoning }: JsonObject): boolean {
  return role === "assistant" && Array.isArray(calls) && typeof reasoning !== "string";
}

/** It knows the efforts `high` and `max`; everything below is `high`, and none switches thinking off. */
function withThinking(body: Body): Body {
  const effort = body.json["reasoning_effort"];
  if (typeof effort !== "string") return body;
  if (!/^(?:none|off|disabled?)$/.test(effort)) {
    return withField(body, ["reasoning_effort"], /^(?:xhigh|max)$/.test(effort) ? "max" : "high");
  }
  return withField(withoutField(body, ["reasoning_effort"]), ["thinking"], { type: "disabled" });
}
