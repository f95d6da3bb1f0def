/**
 * What the name of a model says about how it is to be asked. Sources: Gemini API docs, "Gemini thinking" (budgets up to
 * 2.5, levels from 3 on) and "Thought signatures" (validated from 3 on).
 */

/** `gemini-2.5-flash` → 2.5; `undefined` for names without a number, `gemini-flash-latest` or a fine-tuned model. */
export function generationOf(model: string): number | undefined {
  const found = /gemini[-_]?(\d+(?:\.\d+)?)/i.exec(model)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Models from generation 3 on refuse a turn's function calls without a signature. */
export function wantsSignatures(model: string): boolean {
  return (generationOf(model) ?? 0) >= 3;
}

/** JSON Schema as such came with generation 2.5; older ones know the subset of OpenAPI only. */
export function takesJsonSchema(model: string): boolean {
  return (generationOf(model) ?? 3) >= 2.5;
}

/** Up to generation 2.5, functions and a JSON answer exclude each other. */
export function takesToolsWithFormat(model: string): boolean {
  return (generationOf(model) ?? 3) >= 3;
}

/** How a model takes the amount of thinking. */
export type Thinking =
  | { readonly by: "budget"; readonly min: number; readonly max: number; readonly off: boolean }
  | { readonly by: "level"; readonly levels: readonly Level[] }
  | { readonly by: "none" };

export type Level = "minimal" | "low" | "medium" | "high";

const allLevels: readonly Level[] = ["minimal", "low", "medium", "high"];

/** A model nobody here has heard of is taken for one that thinks within a budget: generation 3 takes that, too. */
export function thinkingOf(model: string): Thinking {
  const generation = generationOf(model);
  if (/gemma|embedding|imagen|learnlm|-image|-tts/i.test(model)) return { by: "none" };
  if (generation !== undefined && generation < 2.5 && !/thinking/i.test(model)) return { by: "none" };
  if (generation !== undefined && generation >= 3) {
    if (!/pro/i.test(model)) return { by: "level", levels: allLevels };
    return { by: "level", levels: generation > 3 ? ["low", "medium", "high"] : ["low", "high"] };
  }
  if (generation !== undefined && /pro/i.test(model)) return { by: "budget", min: 128, max: 32_768, off: false };
  return { by: "budget", min: /lite/i.test(model) ? 512 : 1, max: 24_576, off: true };
}
