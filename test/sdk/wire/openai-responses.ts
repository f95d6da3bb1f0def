/** OpenAI API reference, "Responses" and "Streaming events" of it. */
import { namedEvent, status, type Step, stream } from "waygate/testing";
import { counted, type DeclaredTool, type ToolCall, type Turn, type WireScript } from "./types.ts";
import { argumentText, halves, item, items, text, textIn, words } from "./parts.ts";

const encrypted_content = "gAAAAABo-sealed-by-responses";

export const openaiResponses: WireScript = {
  base: "/v1",
  seal: encrypted_content,
  says: (turn): Step => {
    return (request) =>
      request.stream
        ? stream(events(turn), { noDone: true })
        : status(200, response("completed", outputOf(turn), usage()));
  },
  refuses: (code, message, headers) =>
    status(code, { error: { message, type: "invalid_request_error", param: null, code: null } }, headers),
  toolsOf: (body) =>
    items(body["input"])
      .filter((entry) => entry["type"] === "additional_tools")
      .reduce((tools, entry) => [...tools, ...flat(entry["tools"])], flat(body["tools"])),
  resultsOf: (body) =>
    items(body["input"])
      .filter((entry) => entry["type"] === "function_call_output" || entry["type"] === "custom_tool_call_output")
      .map((entry) => ({ id: text(entry["call_id"]), text: textIn(entry["output"]) })),
};

// Newer models get their tools in namespaces, and those in an item of the input.
function flat(tools: unknown): readonly DeclaredTool[] {
  return items(tools).flatMap((tool) => {
    if (tool["type"] === "namespace") return flat(tool["tools"]);
    if (tool["type"] !== "function" && tool["type"] !== "custom") return [];
    const free = tool["type"] === "custom";
    return [{ name: text(tool["name"]) ?? "", free, parameters: item(tool["parameters"]) }];
  });
}

function usage(): object {
  return {
    input_tokens: counted.input,
    input_tokens_details: { cached_tokens: counted.cached },
    output_tokens: counted.output,
    output_tokens_details: { reasoning_tokens: counted.reasoning },
    total_tokens: counted.input + counted.output,
  };
}

function response(state: string, output: readonly object[], used: object | null): object {
  return {
    id: "resp_67ccd2bed1ec8190",
    object: "response",
    created_at: 1_760_000_000,
    status: state,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: "wire-responses",
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: "medium", summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: "text" } },
    tool_choice: "auto",
    tools: [],
    top_p: 1,
    truncation: "disabled",
    usage: used,
    metadata: {},
  };
}

function reasoningItem(summary: string | undefined): object {
  return {
    id: "rs_67ccf18f64008190",
    type: "reasoning",
    summary: summary === undefined ? [] : [{ type: "summary_text", text: summary }],
    encrypted_content,
  };
}

function messageItem(said: string | undefined): object {
  const content = said === undefined ? [] : [{ type: "output_text", annotations: [], logprobs: [], text: said }];
  const state = said === undefined ? "in_progress" : "completed";
  return { id: "msg_67ccd2bf17f08190", type: "message", status: state, role: "assistant", content };
}

function callItem({ id, name, args }: ToolCall, state: "in_progress" | "completed"): object {
  const given = state === "completed" ? argumentText(args) : "";
  return typeof args === "string"
    ? { id: `ctc_${id}`, type: "custom_tool_call", status: state, call_id: id, name, input: given }
    : { id: `fc_${id}`, type: "function_call", status: state, arguments: given, call_id: id, name };
}

function outputOf(turn: Turn): readonly object[] {
  return [
    ...(turn.reasoning === undefined ? [] : [reasoningItem(turn.reasoning)]),
    ...(turn.text === undefined ? [] : [messageItem(turn.text)]),
    ...(turn.calls ?? []).map((call) => callItem(call, "completed")),
  ];
}

function events(turn: Turn): object[] {
  const frames: object[] = [];
  const send = (type: string, fields: object): void => {
    frames.push(namedEvent(type, { type, sequence_number: frames.length, ...fields }));
  };
  send("response.created", { response: response("in_progress", [], null) });
  send("response.in_progress", { response: response("in_progress", [], null) });
  let output_index = 0;
  if (turn.reasoning !== undefined) {
    const place = { item_id: "rs_67ccf18f64008190", output_index, summary_index: 0 };
    send("response.output_item.added", { output_index, item: reasoningItem(undefined) });
    send("response.reasoning_summary_part.added", { ...place, part: { type: "summary_text", text: "" } });
    for (const delta of words(turn.reasoning)) send("response.reasoning_summary_text.delta", { ...place, delta });
    send("response.reasoning_summary_text.done", { ...place, text: turn.reasoning });
    const part = { type: "summary_text", text: turn.reasoning };
    send("response.reasoning_summary_part.done", { ...place, part });
    send("response.output_item.done", { output_index: output_index++, item: reasoningItem(turn.reasoning) });
  }
  if (turn.text !== undefined) {
    const place = { item_id: "msg_67ccd2bf17f08190", output_index, content_index: 0 };
    const part = { type: "output_text", annotations: [], logprobs: [], text: "" };
    send("response.output_item.added", { output_index, item: messageItem(undefined) });
    send("response.content_part.added", { ...place, part });
    for (const delta of words(turn.text)) send("response.output_text.delta", { ...place, delta, logprobs: [] });
    send("response.output_text.done", { ...place, text: turn.text, logprobs: [] });
    send("response.content_part.done", { ...place, part: { ...part, text: turn.text } });
    send("response.output_item.done", { output_index: output_index++, item: messageItem(turn.text) });
  }
  for (const call of turn.calls ?? []) {
    const free = typeof call.args === "string";
    const place = { item_id: `${free ? "ctc" : "fc"}_${call.id}`, output_index };
    const part = free ? "response.custom_tool_call_input" : "response.function_call_arguments";
    send("response.output_item.added", { output_index, item: callItem(call, "in_progress") });
    for (const delta of halves(call.args)) send(`${part}.delta`, { ...place, delta });
    send(`${part}.done`, { ...place, [free ? "input" : "arguments"]: argumentText(call.args) });
    send("response.output_item.done", { output_index: output_index++, item: callItem(call, "completed") });
  }
  send("response.completed", { response: response("completed", outputOf(turn), usage()) });
  return frames;
}
