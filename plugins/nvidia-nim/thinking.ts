/** How each family of models behind NVIDIA's API is told to think, from OpenAI's `reasoning_effort`. */
import { type Body, type Json, withField, withoutField } from "waygate";

/** The body itself when it says nothing about effort or the model's family is unknown. */
export function withThinking(body: Body, model: string): Body {
  const effort = body.json["reasoning_effort"];
  if (typeof effort !== "string") return body;
  const on = !/^(?:none|off|disabled?)$/.test(effort);
  const bare = withoutField(body, ["reasoning_effort"]);
  const withTemplate = (field: string, value: Json): Body => withField(bare, ["chat_template_kwargs", field], value);

  if (/mistral-(?:medium-3\.5|small-4)/.test(model)) return on ? withField(bare, ["reasoning_effort"], "high") : bare;
  if (/deepseek-v4/.test(model)) {
    const thinking = withTemplate("thinking", on);
    const strength = /^(?:high|xhigh|max)$/.test(effort) ? "max" : "high";
    return on ? withField(thinking, ["chat_template_kwargs", "reasoning_effort"], strength) : thinking;
  }
  if (/deepseek-v3\.[12]|kimi-k2\./.test(model)) return withTemplate("thinking", on);
  return body;
}
