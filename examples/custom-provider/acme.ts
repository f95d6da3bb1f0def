import { openaiCompatible } from "waygate/plugins/openai-compatible";

/** Acme speaks the OpenAI dialect, refuses one field, and answers 418 when a key has no credit left. */
export const acme = (options: { keys?: string[]; baseURL?: string } = {}) =>
  openaiCompatible({
    name: "acme",
    baseURL: options.baseURL ?? "https://api.acme.example/v1",
    keys: options.keys, // default: ACME_API_KEY, ACME_API_KEY_1, …
    models: ["acme-large", "acme-small"],
    drop: ["logit_bias"],
    classify: ({ status, error }) =>
      status === 418 ? { kind: "no_credit", scope: "credential", message: error.message } : undefined,
  });
