/** Measures for calls of tools, by who made the model. */
import type { JsonObject, Loss } from "waygate";
import {
  allGuards,
  guardOf,
  type GuardMaker,
  type ToolGuardOptions,
  type ToolStep,
  toolSteps,
} from "waygate/plugins/code-assist";
import type { ModelFacts } from "./models.ts";
import type { AntigravityOptions } from "./options.ts";
import { shapedTools } from "./tools.ts";

export interface Known {
  facts(model: string): ModelFacts;
  /** False once the service has refused closed objects. */
  strict(): boolean;
}

/** Of names that Anthropic's part of the service takes (Anthropic API reference, `tools.name`). */
const anthropicNames = { forbidden: /[^\w-]/g, max: 64 } as const;

/** Tools are taken out of such requests later on. */
const unchanged: readonly ToolStep[] = [(request) => ({ request })];

const usualForClaude: ToolGuardOptions = { repair: true, parallel: true };

export function toolGuard(options: AntigravityOptions, known: Known): GuardMaker {
  return guardOf((attempt) => {
    const { family, generation, image } = known.facts(attempt.model);
    if (image) return unchanged;
    const lose = (loss: Loss): void => attempt.lose(loss);
    const shape = (request: JsonObject): JsonObject => shapedTools(request, family, lose);
    if (family !== "gemini") {
      const wanted = options.claudeGuards === false ? {} : { ...usualForClaude, ...options.claudeGuards };
      // A function without parameters is refused there.
      return toolSteps({ ...wanted, confirm: true, key: "parameters", names: anthropicNames, shape });
    }
    const wanted: ToolGuardOptions =
      generation < 3 || options.toolGuards === false ? {} : { ...allGuards, ...options.toolGuards };
    return toolSteps({ ...wanted, strict: wanted.strict === true && known.strict(), key: "parameters", shape });
  });
}
