/** Anthropic API reference, "Messages" and "Streaming messages". */
import { namedEvent, status, type Step, stream } from "waygate/testing";
import { counted, type Turn, type WireScript } from "./types.ts";
import { halves, item, items, text, textIn, words } from "./parts.ts";

const head = { id: "msg_013Zva2CMHLNnXjNJJKqJ2EF", type: "message", role: "assistant", model: "wire-anthropic" };
const signature = "EqQBCgIYAhIM-sealed-by-anthropic==";

export const anthropic: WireScript = {
  base: "/v1",
  seal: signature,
  says: (turn): Step => {
    return (request) => (request.stream ? stream(events(turn), { noDone: true }) : status(200, message(turn)));
  },
  refuses: (code, words_, headers) =>
    status(
      code,
      { type: "error", error: { type: "invalid_request_error", message: words_ }, request_id: "req_011CSHoEeqs5C3" },
      headers,
    ),
  toolsOf: (body) =>
    items(body["tools"]).map((tool) => ({
      name: text(tool["name"]) ?? "",
      free: false,
      parameters: item(tool["input_schema"]),
    })),
  resultsOf: (body) =>
    items(body["messages"])
      .flatMap((each) => items(each["content"]))
      .filter((block) => block["type"] === "tool_result")
      .map((block) => ({ id: text(block["tool_use_id"]), text: textIn(block["content"]) })),
};

// Cached input is counted beside the rest there.
const input = {
  input_tokens: counted.input - counted.cached,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: counted.cached,
};
const output = { output_tokens: counted.output, output_tokens_details: { thinking_tokens: counted.reasoning } };

function message(turn: Turn): object {
  const content = [
    ...(turn.reasoning === undefined ? [] : [{ type: "thinking", thinking: turn.reasoning, signature }]),
    ...(turn.text === undefined ? [] : [{ type: "text", text: turn.text }]),
    ...(turn.calls ?? []).map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args })),
  ];
  return {
    ...head,
    content,
    stop_reason: turn.calls ? "tool_use" : "end_turn",
    stop_sequence: null,
    usage: { ...input, ...output, service_tier: "standard" },
  };
}

function events(turn: Turn): object[] {
  const frames: object[] = [];
  const send = (type: string, fields: object): void => void frames.push(namedEvent(type, { type, ...fields }));
  let index = 0;
  const block = (start: object, deltas: readonly object[]): void => {
    send("content_block_start", { index, content_block: start });
    for (const delta of deltas) send("content_block_delta", { index, delta });
    send("content_block_stop", { index: index++ });
  };
  const usage = { ...input, output_tokens: 1, service_tier: "standard" };
  send("message_start", { message: { ...head, content: [], stop_reason: null, stop_sequence: null, usage } });
  send("ping", {});
  if (turn.reasoning !== undefined) {
    const thoughts = words(turn.reasoning).map((thinking) => ({ type: "thinking_delta", thinking }));
    block({ type: "thinking", thinking: "", signature: "" }, [...thoughts, { type: "signature_delta", signature }]);
  }
  if (turn.text !== undefined) {
    const deltas = words(turn.text).map((word) => ({ type: "text_delta", text: word }));
    block({ type: "text", text: "" }, deltas);
  }
  for (const { id, name, args } of turn.calls ?? []) {
    const deltas = ["", ...halves(args)].map((partial_json) => ({ type: "input_json_delta", partial_json }));
    block({ type: "tool_use", id, name, input: {} }, deltas);
  }
  const stop_reason = turn.calls ? "tool_use" : "end_turn";
  send("message_delta", {
    delta: { stop_reason, stop_sequence: null },
    usage: { ...input, ...output },
  });
  send("message_stop", {});
  return frames;
}
