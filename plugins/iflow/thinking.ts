/** How models behind iFlow are told to think, from OpenAI's `reasoning_effort` (CLIProxyAPI, `thinking/provider/iflow`). */
import { type Body, withField, withoutField } from "waygate";

const off: ReadonlySet<string> = new Set(["none", "disabled", "0", "off", "false"]);

/** The effort itself is never sent on. */
export function withThinking(body: Body, model: string): Body {
  const effort = body.json["reasoning_effort"];
  if (effort === undefined) return body;
  const bare = withoutField(body, ["reasoning_effort"]);
  if (effort === null) return bare;
  const on = !off.has(String(effort).toLowerCase());
  if (/^minimax-m2(?:\.1)?$/.test(model)) return withField(bare, ["reasoning_split"], on);
  if (!/^(?:glm-4\.[67]|qwen3-max-preview|deepseek-v3\.[12])$/.test(model)) return bare;
  const thinking = withField(bare, ["chat_template_kwargs", "enable_thinking"], on);
  // Thoughts of earlier turns stay in the prompt.
  return on && model.startsWith("glm-")
    ? withField(thinking, ["chat_template_kwargs", "clear_thinking"], false)
    : thinking;
}
