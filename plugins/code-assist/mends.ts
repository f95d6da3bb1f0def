/** Requests that the service has refused for a reason that can be taken out of them: they go once more without it. */
import { type Body, budgetFor, type Json, withEachField, withField, withoutField } from "waygate";
import { isObject, parseObject } from "waygate/plugins/openai-compatible";

export interface Mend {
  /** Tested against the body of a 400. */
  readonly refusal: RegExp;
  /** The request of the Gemini protocol without what was refused; `undefined` where that is not in it. */
  mended(body: Body, model: string): Body | undefined;
}

/** Stands for a signature that is not to be had (Gemini API docs, "Thought signatures", FAQ). Claude refuses it. */
const stand = "skip_thought_signature_validator";

/** Signatures are refused that other accounts or models made, and for a while now and then those that are right. */
export const standForSignatures: Mend = {
  refusal: /thought[ _]?signature/i,
  mended(body, model) {
    if (/claude|gpt/i.test(model)) return undefined;
    let changed = false;
    const mended = withEachField(body, ["contents", "*", "parts", "*"], (text) => {
      const part = /"thought_?[sS]ignature"/.test(text) ? parseObject(text) : undefined;
      if (!part) return text;
      const { thoughtSignature, thought_signature, ...rest } = part;
      const signature = thoughtSignature ?? thought_signature;
      if (signature === undefined || signature === stand) return text;
      changed = true;
      const called = rest["functionCall"] ?? rest["function_call"];
      return JSON.stringify(called === undefined ? rest : { ...rest, thoughtSignature: stand });
    });
    return changed ? mended : undefined;
  },
};

/** Not every model behind this service takes a level. */
export const budgetForLevel: Mend = {
  refusal: /thinking_?level/i,
  mended(body) {
    const { generationConfig } = body.json;
    const thinking = isObject(generationConfig) ? generationConfig["thinkingConfig"] : undefined;
    const level = isObject(thinking) ? thinking["thinkingLevel"] : undefined;
    if (typeof level !== "string") return undefined;
    const place = ["generationConfig", "thinkingConfig"];
    const effort = level.toLowerCase();
    const budget: Json = isEffort(effort) ? budgetFor(effort) : -1;
    return withField(withoutField(body, [...place, "thinkingLevel"]), [...place, "thinkingBudget"], budget);
  },
};

function isEffort(word: string): word is "minimal" | "low" | "medium" | "high" {
  return ["minimal", "low", "medium", "high"].includes(word);
}
