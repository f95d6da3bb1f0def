/** Reasoning models of Mistral answer with a list of parts; clients of the chat protocol expect text. */
import type { Json, JsonObject, Rewriter } from "waygate";
import { isObject, parseObject } from "waygate/plugins/openai-compatible";

/** Text goes to `content`, thinking to `reasoning_content`, and the finish gets its usual name. */
export function readThinking(): Rewriter {
  return {
    message(message) {
      const data = rewrite(message.data);
      return data === message.data ? message : { ...message, data };
    },
    body: rewrite,
  };
}

function rewrite(text: string): string {
  if (!/"content"\s*:\s*\[|"model_length"|"arguments"\s*:\s*\{/.test(text)) return text;
  const json = parseObject(text);
  if (!json || !Array.isArray(json["choices"])) return text;
  return JSON.stringify({
    ...json,
    choices: json["choices"].map((choice: Json) => (isObject(choice) ? plain(choice) : choice)),
  });
}

function plain(choice: JsonObject): JsonObject {
  const { delta, message, finish_reason: finish } = choice;
  return {
    ...choice,
    ...(isObject(delta) && { delta: withArguments(withText(delta)) }),
    ...(isObject(message) && { message: withArguments(withText(message)) }),
    ...(finish === "model_length" && { finish_reason: "length" }),
  };
}

/** Clients expect the arguments of a call as text. */
function withArguments(holder: JsonObject): JsonObject {
  const { tool_calls: calls } = holder;
  if (!Array.isArray(calls)) return holder;
  const written = calls.map((call: Json) => {
    const described = isObject(call) ? call["function"] : undefined;
    if (!isObject(call) || !isObject(described) || !isObject(described["arguments"])) return call;
    return { ...call, function: { ...described, arguments: JSON.stringify(described["arguments"]) } };
  });
  return { ...holder, tool_calls: written };
}

function withText(holder: JsonObject): JsonObject {
  const { content, ...rest } = holder;
  if (!Array.isArray(content)) return holder;
  const parts = content.filter(isObject);
  const thinking = textOf(
    parts.flatMap((part) => (Array.isArray(part["thinking"]) ? part["thinking"].filter(isObject) : [])),
  );
  return { ...rest, content: textOf(parts), ...(thinking !== "" && { reasoning_content: thinking }) };
}

function textOf(parts: readonly JsonObject[]): string {
  return parts.map(({ text }) => (typeof text === "string" ? text : "")).join("");
}
