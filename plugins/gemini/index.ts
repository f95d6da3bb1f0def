/** The Gemini API, with API keys. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

const models = [
  "gemini-3.8-flash",
  "gemini-3.7-flash",
  "gemini-3.5-flash-lite",
  "gemini-3.1-pro-preview",
  "gemini-3-flash-preview",
  "gemini-2.5-pro",
  "gemini-2.5-flash",
  "gemini-2.5-flash-lite",
  "gemini-embedding-001",
] as const;

/** Keys from `GEMINI_API_KEY`, else `GOOGLE_API_KEY`. Several keys of one Google Cloud project share its limits. */
export const gemini: ProviderFunction<"gemini", (typeof models)[number]> = providerFunction({
  name: "gemini",
  defaultBaseURL: "https://generativelanguage.googleapis.com/v1beta",
  keyVariables: ["GOOGLE_API_KEY"],
  protocol: "gemini",
  models,
});
