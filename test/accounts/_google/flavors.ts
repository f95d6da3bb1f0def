/** In what the providers behind the service differ: which of its fields they may send, and whose models they have. */
import { antigravityFault } from "./antigravity.ts";
import type { Answer, Fields } from "./types.ts";

export interface Flavor {
  /** Fields of the envelope; others are refused. */
  readonly envelope: readonly string[];
  /** Fields beside the Gemini API's own that a request may hold. */
  readonly request: readonly string[];
  /** Schemas are taken in `parametersJsonSchema`. */
  readonly jsonSchemas: boolean;
  /** What `metadata` must say. */
  readonly metadata: Fields;
  /** Further checks of a request for an answer. */
  readonly check?: (body: Fields) => Answer | undefined;
}

export const flavors = {
  gemini_cli: {
    envelope: ["model", "project", "user_prompt_id", "request", "enabled_credit_types"],
    request: ["session_id"],
    jsonSchemas: true,
    metadata: { pluginType: "GEMINI" },
  },
  antigravity: {
    envelope: ["model", "project", "userAgent", "requestType", "requestId", "request", "enabledCreditTypes"],
    request: ["sessionId"],
    jsonSchemas: false,
    metadata: { ideType: "ANTIGRAVITY" },
    check: antigravityFault,
  },
} as const satisfies { readonly [name: string]: Flavor };
