/** What Claude asks of a request behind the service, in Anthropic's words within Google's. */
import { failure, type Answer, type Fields, isFields, listOf } from "./types.ts";
import type { Signatures } from "./validate.ts";

const refused = (message: string): Answer =>
  failure(
    400,
    "INVALID_ARGUMENT",
    JSON.stringify({ type: "error", error: { type: "invalid_request_error", message }, request_id: "req_vrtx_1" }),
  );

const parts = (content: unknown): readonly Fields[] =>
  isFields(content) ? listOf(content["parts"]).filter(isFields) : [];

export function claudeFault(request: Fields, signatures: Signatures): Answer | undefined {
  const contents = listOf(request["contents"]);
  const config = isFields(request["generationConfig"]) ? request["generationConfig"] : {};
  const thinking = isFields(config["thinkingConfig"]) ? config["thinkingConfig"] : undefined;
  const budget = typeof thinking?.["thinkingBudget"] === "number" ? thinking["thinkingBudget"] : 0;
  const most = typeof config["maxOutputTokens"] === "number" ? config["maxOutputTokens"] : undefined;
  if (most !== undefined && most > 64_000) return refused(`max_tokens: ${most} > 64000`);
  if (budget > 0 && most !== undefined && most <= budget)
    return refused("`max_tokens` must be greater than `thinking.budget_tokens`.");
  for (const [at, tool] of listOf(request["tools"]).flatMap(declared).entries()) {
    const { parameters } = tool;
    const properties = isFields(parameters) ? parameters["properties"] : undefined;
    if (!isFields(properties) || Object.keys(properties).length === 0) {
      return refused(`tools.${at}.custom.input_schema: Field required`);
    }
  }
  let open = new Set<unknown>();
  for (const [at, content] of contents.entries()) {
    const answered = idsIn(content, "functionResponse");
    const stranger = answered.find((id) => !open.has(id));
    if (stranger !== undefined)
      return refused(
        `messages.${at}.content.0: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${String(stranger)}`,
      );
    const called = idsIn(content, "functionCall");
    open = new Set(called);
    if (open.size < called.length) return refused("messages: `tool_use` ids must be unique");
    for (const part of parts(content)) {
      if (typeof part["text"] === "string" && part["text"].trim() === "" && part["thought"] !== true) {
        return refused("messages: text content blocks must be non-empty");
      }
      for (const key of ["functionCall", "functionResponse"]) {
        const value = part[key];
        if (isFields(value) && !/^[a-zA-Z0-9_-]+$/.test(String(value["id"] ?? ""))) {
          return refused(`messages.${at}.content.0.tool_use.id: Field required`);
        }
      }
      const signature = part["thoughtSignature"];
      if (part["thought"] === true && thinking === undefined)
        return refused("thinking is off, but a message holds a block of it");
      if (signature === undefined) continue;
      const made = signatures.made(String(signature));
      const isOther = made?.thought !== undefined && made.thought !== part["text"];
      if (made?.family !== "claude" || isOther)
        return refused(`messages.${at}.content.0: Invalid \`signature\` in \`thinking\` block`);
    }
  }
  return thinking && budget !== 0 ? faultInLoop(contents) : undefined;
}

function idsIn(content: unknown, kind: "functionCall" | "functionResponse"): readonly unknown[] {
  return parts(content).flatMap((part) => (isFields(part[kind]) ? [part[kind]["id"]] : []));
}

/** With thinking on, the model's turn of a running tool loop begins with its thoughts. */
function faultInLoop(contents: readonly unknown[]): Answer | undefined {
  const last = contents.at(-1);
  const model = contents.at(-2);
  if (isFields(last) && last["role"] === "model")
    return refused("This model does not support assistant message prefill.");
  if (!parts(last).some((part) => part["functionResponse"] !== undefined)) return undefined;
  return parts(model)[0]?.["thought"] === true
    ? undefined
    : refused("messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.");
}

function declared(tool: unknown): readonly Fields[] {
  return isFields(tool) ? listOf(tool["functionDeclarations"]).filter(isFields) : [];
}
