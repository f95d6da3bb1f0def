/** What differs between the upstreams of the four protocols besides the protocol itself. */
import type { HeaderRecord } from "waygate";

export type Dialect = "openai-chat" | "openai-responses" | "anthropic" | "gemini";

interface DialectRow {
  /** The version segment that an address without a path gets. */
  readonly segment: string;
  authorize(key: string): HeaderRecord;
}

const bearer = (key: string): HeaderRecord => ({ authorization: `Bearer ${key}` });

export const dialects: { readonly [Id in Dialect]: DialectRow } = {
  "openai-chat": { segment: "v1", authorize: bearer },
  "openai-responses": { segment: "v1", authorize: bearer },
  // Anthropic API docs, "Authentication" and "Versioning".
  anthropic: { segment: "v1", authorize: (key) => ({ "x-api-key": key, "anthropic-version": "2023-06-01" }) },
  // Gemini API docs, "API keys".
  gemini: { segment: "v1beta", authorize: (key) => ({ "x-goog-api-key": key }) },
};
