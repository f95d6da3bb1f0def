/** How each family of models behind NVIDIA's API is told to think, from OpenAI's `reasoning_effort`. */
import { type Body, type Json, textBody, withEachField, withField, withoutField } from "waygate";

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
  // The older ones are told in words (their model cards on build.nvidia.com, "Usage").
  if (/llama-3\.\d-nemotron/.test(model)) return withWords(bare, `detailed thinking ${on ? "on" : "off"}`);
  if (/nemotron/.test(model)) return withTemplate("enable_thinking", on);
  return body;
}

/** The words begin the instructions of the system, of which there may be none yet. */
function withWords(body: Body, words: string): Body {
  let isFirst = true;
  return withEachField(body, ["messages", "*"], (text) => {
    if (!isFirst) return text;
    isFirst = false;
    const message = textBody(text);
    const { role, content } = message.json;
    if (role !== "system" || typeof content !== "string")
      return `${JSON.stringify({ role: "system", content: words })},${text}`;
    return withField(message, ["content"], content.trim() === "" ? words : `${words}\n\n${content}`).text;
  });
}
