/** What models are told about tools, and how they are to draw their words. */
import type { JsonObject } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { withInstruction } from "./request.ts";
import type { ToolGuard } from "./tool-guard.ts";

/** For Gemini 3, which knows many tools by name and their parameters by heart. */
export const usualInstruction = `The tools of this environment are its own. Tools of the same name elsewhere take other parameters.
- The schema of a tool, as it is declared here, is all there is to know about its parameters. Do not guess any from memory.
- Read the list of parameters in a tool's description before you call it, and use exactly the names given there.
- Where a parameter is a list of objects, give a list of objects: no list of texts, and no text that holds JSON.
- Give every required parameter, and none that is not declared.`;

export const usualParallelHint =
  "When several calls of tools do not depend on each other's results, make them together in one answer.";

/** Before the client's own words. */
export function instructed(request: JsonObject, text: string): ToolGuard {
  return { request: withInstruction(request, text, "before") };
}

/** Behind the client's own words. */
export function hinted(request: JsonObject, text: string): ToolGuard {
  return { request: withInstruction(request, text, "behind") };
}

/** Google advises against any other value for Gemini 3 (Gemini API docs, "Gemini 3"); the client's own is kept. */
export function steadied(request: JsonObject): ToolGuard {
  const { generationConfig } = request;
  const config = isObject(generationConfig) ? generationConfig : {};
  if (config["temperature"] !== undefined) return { request };
  return { request: { ...request, generationConfig: { ...config, temperature: 1 } } };
}
