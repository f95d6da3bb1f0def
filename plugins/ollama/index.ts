/** Ollama on this or another machine, without a key; with one for ollama.com. */
import { providerFunction, type ProviderFunction } from "waygate/plugins/openai-compatible";

/** At `http://127.0.0.1:11434/v1` unless `OLLAMA_API_BASE` or `baseURL` says otherwise. Lists what has been pulled. */
export const ollama: ProviderFunction<"ollama", never> = providerFunction({
  name: "ollama",
  defaultBaseURL: "http://127.0.0.1:11434/v1",
  keyless: true,
  think: true,
  rename: { max_completion_tokens: "max_tokens" },
  developerRole: false,
  allowedTools: false,
});
