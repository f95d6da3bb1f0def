/** OpenAI API reference, "Chat completions" and "Streaming events"; `reasoning_content` as DeepSeek documents it. */
import { status, type Step, stream } from "waygate/testing";
import { counted, type Turn, type WireScript } from "./types.ts";
import { argumentText, halves, item, items, text, textIn, words } from "./parts.ts";

const head = { id: "chatcmpl-B9MBs8", created: 1_760_000_000, model: "wire-chat", system_fingerprint: "fp_44709d" };

export const openaiChat: WireScript = {
  base: "/v1",
  says: (turn): Step => {
    return (request) => (request.stream ? stream(chunks(turn)) : status(200, completion(turn)));
  },
  refuses: (code, message, headers) =>
    status(code, { error: { message, type: "invalid_request_error", param: null, code: null } }, headers),
  toolsOf: (body) =>
    items(body["tools"]).map((tool) => {
      const declared = item(tool["function"]);
      return { name: text(declared["name"]) ?? "", free: false, parameters: item(declared["parameters"]) };
    }),
  resultsOf: (body) =>
    items(body["messages"])
      .filter((message) => message["role"] === "tool")
      .map((message) => ({ id: text(message["tool_call_id"]), text: textIn(message["content"]) })),
};

function usage(): object {
  return {
    prompt_tokens: counted.input,
    completion_tokens: counted.output,
    total_tokens: counted.input + counted.output,
    prompt_tokens_details: { cached_tokens: counted.cached, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: counted.reasoning, audio_tokens: 0 },
  };
}

function finish(turn: Turn): string {
  return turn.calls ? "tool_calls" : "stop";
}

function completion(turn: Turn): object {
  const calls = turn.calls?.map(({ id, name, args }) => ({
    id,
    type: "function",
    function: { name, arguments: argumentText(args) },
  }));
  const message = {
    role: "assistant",
    content: turn.text ?? null,
    refusal: null,
    annotations: [],
    ...(turn.reasoning && { reasoning_content: turn.reasoning }),
    ...(calls && { tool_calls: calls }),
  };
  const choice = { index: 0, message, logprobs: null, finish_reason: finish(turn) };
  return { ...head, object: "chat.completion", choices: [choice], usage: usage(), service_tier: "default" };
}

function chunks(turn: Turn): object[] {
  const chunk = (delta: object, reason: string | null = null): object => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    usage: null,
  });
  const frames = [chunk({ role: "assistant", content: "", refusal: null })];
  for (const word of words(turn.reasoning)) frames.push(chunk({ reasoning_content: word }));
  for (const word of words(turn.text)) frames.push(chunk({ content: word }));
  for (const [index, { id, name, args }] of (turn.calls ?? []).entries()) {
    frames.push(chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }));
    for (const part of halves(args)) frames.push(chunk({ tool_calls: [{ index, function: { arguments: part } }] }));
  }
  frames.push(chunk({}, finish(turn)));
  frames.push({ ...head, object: "chat.completion.chunk", choices: [], usage: usage() });
  return frames;
}
