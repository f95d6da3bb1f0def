/** `thinkingConfig` and the canonical form of how much to think. Source: Gemini API docs, "Gemini thinking". */
import type { JsonObject } from "../canonical.ts";
import { budgetFor, type Effort, effortFor, type Reasoning } from "../reasoning.ts";
import type { Emit, Loss } from "../types.ts";
import { type Level, thinkingOf } from "./model.ts";
import { defined, isNumber, without } from "./values.ts";

const levels: readonly Level[] = ["minimal", "low", "medium", "high"];

/** What is understood, and the fields that are left. */
export function decodeThinking(config: JsonObject): { reasoning: Reasoning | undefined; rest: JsonObject } {
  const { includeThoughts, thinkingBudget, thinkingLevel } = config;
  const taken: string[] = [];
  const visible = typeof includeThoughts === "boolean" ? includeThoughts : undefined;
  if (visible !== undefined) taken.push("includeThoughts");
  const budget = isNumber(thinkingBudget) ? thinkingBudget : undefined;
  if (budget !== undefined) taken.push("thinkingBudget");
  const word = typeof thinkingLevel === "string" ? thinkingLevel.toLowerCase() : undefined;
  const level = levels.find((one) => one === word);
  if (level) taken.push("thinkingLevel");
  const effort: Effort | undefined = level ?? (budget === 0 ? "none" : undefined);
  const reasoning = {
    ...(effort && { effort }),
    ...(budget !== undefined && budget !== 0 && { budget }),
    ...(visible !== undefined && { visible }),
  };
  return { reasoning: taken.length > 0 ? reasoning : undefined, rest: without(config, taken) };
}

/** `undefined` for models that do not think, which refuse the field. */
export function encodeThinking(reasoning: Reasoning, model: string, lose: Emit<Loss>): JsonObject | undefined {
  const { effort, budget, visible } = reasoning;
  const off = effort === "none" || budget === 0;
  const thinking = thinkingOf(model);
  if (thinking.by === "none") {
    if (!off && (effort || budget)) lose({ what: `reasoning, which ${model} does not do`, where: "reasoning" });
    return undefined;
  }
  const includeThoughts = visible ?? (effort !== undefined || budget !== undefined ? !off : undefined);
  if (thinking.by === "level") {
    // Without a level the model decides, as with a budget of -1.
    const wanted = effort ?? (budget === undefined || budget < 0 ? undefined : effortFor(budget));
    return defined({ includeThoughts, thinkingLevel: wanted && levelFor(wanted, thinking.levels) });
  }
  // A budget of the model's choice says less than an effort. Asked to show its thoughts a model has to have some, which
  // some do not unless they are told.
  const wanted = effort && (budget ?? -1) < 0 ? budgetFor(effort) : (budget ?? (visible ? -1 : undefined));
  return defined({ includeThoughts, thinkingBudget: wanted === undefined ? undefined : within(wanted, thinking) });
}

function within(budget: number, { min, max, off }: { min: number; max: number; off: boolean }): number {
  if (budget < 0) return -1;
  if (budget === 0 && off) return 0;
  return Math.min(max, Math.max(min, budget));
}

/** The level itself, else the next higher one that is known, else the highest: thinking too little is the worse fault. */
function levelFor(effort: Effort, known: readonly Level[]): Level {
  const wanted: Level = effort === "none" ? "minimal" : effort === "xhigh" || effort === "max" ? "high" : effort;
  const from = levels.indexOf(wanted);
  return levels.slice(from).find((level) => known.includes(level)) ?? known.at(-1) ?? "high";
}
