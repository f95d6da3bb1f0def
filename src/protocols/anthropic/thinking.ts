/** `thinking` and `output_config.effort`. Source: Anthropic's guides to extended and adaptive thinking and to effort. */
import type { GenerateRequest, Json, JsonObject } from "../canonical.ts";
import { budgetFor, type Effort, effortFor, efforts, nearestEffort, type Reasoning } from "../reasoning.ts";
import type { ModelTraits } from "./model-traits.ts";
import { defined, isNumber, isObject } from "./values.ts";

/** Tokens; less is refused. */
const leastBudget = 1024;
/** Tokens kept for the answer itself, where the limit allows. */
const answerRoom = 4096;

/** `undefined` when the fields say nothing, or something this form has no word for. */
export function decodeReasoning(thinking: Json | undefined, effort: Json | undefined): Reasoning | undefined {
  const asked = efforts.find((one) => one === effort && one !== "none" && one !== "minimal");
  const tried = asked && { effort: asked };
  if (!isObject(thinking)) return thinking === undefined || thinking === null ? tried : undefined;
  const { type, budget_tokens: tokens, display } = thinking;
  const shown = display === "omitted" ? { visible: false } : display === "summarized" ? { visible: true } : {};
  if (type === "disabled") return { effort: "none" };
  if (type === "adaptive") return { ...tried, budget: -1, ...shown };
  return type === "enabled" && isNumber(tokens) ? { ...tried, budget: tokens, ...shown } : undefined;
}

export interface Thinking {
  readonly thinking?: JsonObject;
  readonly effort?: Effort;
}

/** The fields for a request of another protocol; `maxTokens` is its limit, if it has one. */
export function encodeReasoning({ reasoning, maxTokens }: GenerateRequest, traits: ModelTraits): Thinking {
  if (!reasoning) return {};
  const { effort, budget, visible } = reasoning;
  if (effort === "none" || budget === 0) return { thinking: { type: "disabled" } };
  if (effort === undefined && budget === undefined) return {};
  if (traits.adaptive) {
    const display = visible === undefined ? undefined : visible ? "summarized" : "omitted";
    const wanted = effort ?? (budget !== undefined && budget > 0 ? effortFor(budget) : undefined);
    return {
      thinking: defined({ type: "adaptive", display }),
      ...(wanted && { effort: nearestEffort(wanted, ["low", "medium", "high", "max"]) }),
    };
  }
  const wanted = budget !== undefined && budget > 0 ? budget : budgetFor(effort ?? "medium");
  const tokens = fitting(wanted, maxTokens ?? traits.maxThinking);
  if (tokens === undefined) return {};
  return {
    thinking: defined({ type: "enabled", budget_tokens: tokens, display: visible === false ? "omitted" : undefined }),
  };
}

/** A budget below the limit that leaves room to answer; `undefined` when there is none. */
function fitting(budget: number, limit: number): number | undefined {
  if (limit <= leastBudget) return undefined;
  const room = limit - Math.min(answerRoom, Math.ceil(limit / 2));
  return Math.max(leastBudget, Math.min(budget, room));
}

/** Thinking by a budget must come first in the turn a tool's answer belongs to, and in a turn to be continued. */
export function missesThinking(messages: readonly JsonObject[]): boolean {
  const at = messages.findLastIndex(({ role }) => role === "assistant");
  if (at === -1) return false;
  const inLoop = at === messages.length - 1 || blocksOf(messages[at + 1]!).some(({ type }) => type === "tool_result");
  let first = at;
  while (messages[first - 1]?.["role"] === "assistant") first -= 1;
  const type = blocksOf(messages[first]!)[0]?.["type"] ?? "text";
  return inLoop && type !== "thinking" && type !== "redacted_thinking";
}

function blocksOf({ content }: JsonObject): readonly JsonObject[] {
  return Array.isArray(content) ? (content as readonly Json[]).filter(isObject) : [];
}
