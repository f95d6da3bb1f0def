/** Chutes. */
import { type Body, withField, withoutField } from "waygate";
import { nextDay, providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = ["deepseek-ai/DeepSeek-V3.1", "deepseek-ai/DeepSeek-R1", "moonshotai/Kimi-K2-Instruct"] as const;

const MINUTE = 60_000;

/** Keys from `CHUTES_API_KEY`. */
export const chutes: ProviderFunction<"chutes", (typeof models)[number]> = providerFunction({
  name: "chutes",
  defaultBaseURL: "https://llm.chutes.ai/v1",
  models,
  think: true,
  rename: { max_completion_tokens: "max_tokens" },
  tidyTools: true,
  developerRole: false,
  allowedTools: false,
  adapt: (body, { model }) => withThinking(body, model),
  failures: [
    { status: [429], text: /maximum capacity/i, kind: "overloaded", wait: MINUTE / 2 },
    { status: [429], text: /under maintenance/i, kind: "model_unavailable", wait: 10 * MINUTE },
    { status: [429], text: /limit reached for today/i, kind: "quota_exhausted", scope: "credential", wait: nextDay },
    // Caps are for four hours or a month, and the answer does not say which.
    { status: [402], text: /usage cap exceeded/i, kind: "quota_exhausted", scope: "credential", wait: 30 * MINUTE },
  ],
});

/** The chat template knows on and off only. */
function withThinking(body: Body, model: string): Body {
  const effort = body.json["reasoning_effort"];
  if (typeof effort !== "string") return body;
  const on = !/^(?:none|off|disabled?)$/.test(effort);
  const field = /deepseek-v3\.1/i.test(model) ? "thinking" : "enable_thinking";
  return withField(withoutField(body, ["reasoning_effort"]), ["chat_template_kwargs", field], on);
}
