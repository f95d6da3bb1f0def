/** What is known of the models that Gemini CLI accounts have; the service lists none of them. */
import type { ModelGroups } from "waygate/plugins/code-assist";

export const models = [
  "gemini-3.1-pro-preview",
  "gemini-3.1-pro-preview-customtools",
  "gemini-3-pro-preview",
  "gemini-3-flash-preview",
  "gemini-3.5-flash",
  "gemini-3.1-flash-lite",
  "gemini-2.5-pro",
  "gemini-2.5-flash",
  "gemini-2.5-flash-lite",
  "gemma-4-31b-it",
  "gemma-4-26b-a4b-it",
] as const;

/** Models that share one quota of 24 hours. */
export const groups: ModelGroups = {
  pro: ["gemini-2.5-pro", "gemini-3-pro-preview", "gemini-3.1-pro-preview*"],
  "25-flash": ["gemini-2.0-flash*", "gemini-2.5-flash", "gemini-2.5-flash-lite"],
  "3-flash": ["gemini-3-flash*", "gemini-3.5-flash"],
};

/** Accounts are asked for this model by another name than API keys are (gemini-cli, `config/models.ts`). */
export const renames: { readonly [model: string]: string } = { "gemini-3.5-flash": "gemini-3-flash" };
