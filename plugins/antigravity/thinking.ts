/** How much a model is to think, in the words it understands. Never both a level and a budget: that is refused. */
import { type GenerateRequest, effortFor, type JsonObject } from "waygate";
import type { Level, ModelFacts, Wanted } from "./models.ts";

type Reasoning = NonNullable<GenerateRequest["reasoning"]>;
type Effort = NonNullable<Reasoning["effort"]>;

/** Budgets of Claude; it must be below the length of the answer. */
export const claudeBudget = { min: 1024, max: 31_999, usual: 16_384 } as const;

const proBudgets: { readonly [E in Effort]: number } = {
  none: 0,
  minimal: 4096,
  low: 8192,
  medium: 16_384,
  high: 32_768,
  xhigh: 32_768,
  max: 32_768,
};

const flashBudgets: { readonly [E in Effort]: number } = {
  none: 0,
  minimal: 3072,
  low: 6144,
  medium: 12_288,
  high: 24_576,
  xhigh: 24_576,
  max: 24_576,
};

/** `undefined`: the field is left out. `kept` is a level that the client has named itself. */
export function thinkingFor(facts: ModelFacts, reasoning: Reasoning | undefined, kept?: Level): JsonObject | undefined {
  const { family, generation, image } = facts;
  if (image || family === "gpt-oss") return undefined;
  if (family === "claude") return claudeThinking(facts, reasoning);
  if (generation >= 3) return levelThinking(facts, reasoning, kept);
  return generation >= 2.5 ? budgetThinking(facts, reasoning) : undefined;
}

function isOff({ effort, budget }: Reasoning): boolean {
  return effort === "none" || (effort === undefined && budget === 0);
}

/** A budget of -1 says nothing: Claude's service has no word for it. */
function claudeThinking({ id }: ModelFacts, reasoning: Reasoning = {}): JsonObject | undefined {
  const { effort, budget, visible } = reasoning;
  if (isOff(reasoning)) return undefined;
  const asked = budget !== undefined && budget > 0 ? budget : effort && proBudgets[effort];
  const always = id.endsWith("-thinking") || visible === true;
  if (asked === undefined && !always && budget === undefined) return undefined;
  const thinkingBudget = within(asked ?? claudeBudget.usual, claudeBudget.min, claudeBudget.max);
  return { includeThoughts: visible ?? true, thinkingBudget };
}

function budgetThinking({ flash, lite }: ModelFacts, reasoning: Reasoning = {}): JsonObject {
  const { effort, budget, visible } = reasoning;
  // Pro cannot be told not to think; its least is 128. Flash-Lite takes none, or 512 and more.
  const [min, max] = flash ? [lite ? 512 : 1, 24_576] : [128, 32_768];
  if (isOff(reasoning)) return { includeThoughts: false, thinkingBudget: flash ? 0 : min };
  const asked = budget !== undefined && budget >= 0 ? budget : effort && (flash ? flashBudgets : proBudgets)[effort];
  return { includeThoughts: visible ?? true, thinkingBudget: asked === undefined ? -1 : within(asked, min, max) };
}

/** Generation 3 is told a level, unless its name has one. */
function levelThinking(facts: ModelFacts, reasoning: Reasoning = {}, kept?: Level): JsonObject {
  const { effort, budget, visible } = reasoning;
  const includeThoughts = visible ?? !isOff(reasoning);
  if (facts.leveled) return { includeThoughts };
  const wanted = effort ?? (budget === undefined || budget < 0 ? undefined : effortFor(budget));
  return { includeThoughts, thinkingLevel: kept && takes(facts, kept) ? kept : levelFor(facts, wanted) };
}

function levelFor(facts: ModelFacts, effort: Effort | undefined): Level {
  const { flash, generation, lite } = facts;
  if (effort === undefined) return lite ? "minimal" : flash && generation >= 3.5 ? "medium" : "high";
  // Thinking cannot be turned off on the large ones.
  if (effort === "none") return flash ? "minimal" : "low";
  if (effort === "minimal" || effort === "low") return "low";
  return effort === "medium" && takes(facts, "medium") ? "medium" : "high";
}

function takes({ flash, generation }: ModelFacts, level: Level): boolean {
  return flash || level === "low" || level === "high" || (level === "medium" && generation > 3);
}

function within(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

/** What a request in the Gemini protocol says of thinking, as far as it decides which model is asked. */
export function wantedIn(thinkingConfig: JsonObject): Wanted {
  const { thinkingBudget: budget, thinkingLevel: level, includeThoughts } = thinkingConfig;
  const named = typeof level === "string" ? level.toLowerCase() : undefined;
  if (named !== undefined && isLevel(named)) return { level: named };
  if (typeof budget !== "number") return { level: includeThoughts === true ? "high" : undefined };
  if (budget <= 0) return { level: budget === 0 ? "none" : "high" };
  const effort = effortFor(budget);
  return { level: isLevel(effort) ? effort : "high" };
}

export function isLevel(word: string): word is Level {
  return ["minimal", "low", "medium", "high"].includes(word);
}
