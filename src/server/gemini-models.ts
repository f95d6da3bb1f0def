/** Models as Gemini's API lists them (Gemini API reference, `models.list` and `models.get`). */
import type { ModelEntry } from "../candidates/models.ts";
import type { ModelInfo } from "../catalog/model-info.ts";
import { ProxyError } from "../failure/error.ts";
import type { NamedModel } from "./visible-models.ts";

/** Entries of a page at most, as at Google, and here also when no number is asked for: few have as many models. */
const MOST = 1000;

/** Fields whose value is unknown are left out, as JSON of protocol buffers does. */
export function geminiModel(
  { id, ownedBy }: ModelEntry,
  target: NamedModel | undefined,
  info: ModelInfo | undefined,
): object {
  const name = target && `${target.provider}/${target.model}`;
  const { contextLength: input = null, maxOutputTokens: output = null } = info ?? {};
  return {
    name: `models/${id}`,
    displayName: id,
    description: name === undefined || name === id ? `A model of ${ownedBy}.` : `Stands for ${name}.`,
    ...(input !== null && { inputTokenLimit: input }),
    ...(output !== null && { outputTokenLimit: output }),
    supportedGenerationMethods: embeds(id, info)
      ? ["embedContent", "batchEmbedContents"]
      : ["generateContent", "countTokens"],
    ...(info?.capabilities.reasoning && { thinking: true }),
  };
}

export interface GeminiPage {
  readonly entries: readonly ModelEntry[];
  /** Absent on the last page. */
  readonly nextPageToken: string | undefined;
}

/** The page the query asks for. Throws a `ProxyError` of status 400 for a token or a number that cannot be one. */
export function geminiPage(list: readonly ModelEntry[], query: URLSearchParams): GeminiPage {
  const size = sizeOf(query.get("pageSize") ?? query.get("page_size"));
  const token = query.get("pageToken") ?? query.get("page_token") ?? "";
  const start = token === "" ? 0 : placeAfter(list, token);
  const entries = list.slice(start, start + size);
  const last = start + size < list.length ? entries.at(-1) : undefined;
  return { entries, nextPageToken: last && Buffer.from(last.id).toString("base64url") };
}

/** The catalogue says so; of a model it does not know the name does. */
function embeds(id: string, info: ModelInfo | undefined): boolean {
  const mode = info?.mode ?? null;
  return mode === null ? /\bembed/i.test(id) : mode === "embedding";
}

function sizeOf(text: string | null): number {
  const size = Number(text ?? 0);
  if (!Number.isInteger(size) || size < 0) {
    throw invalid("pageSize", "page_size: expected a whole number that is not negative.");
  }
  return size === 0 ? MOST : Math.min(size, MOST);
}

function placeAfter(list: readonly ModelEntry[], token: string): number {
  const id = Buffer.from(token, "base64url").toString();
  const place = list.findIndex((entry) => entry.id === id);
  if (place !== -1) return place + 1;
  throw invalid("pageToken", "page_token: this is no token of this list, or the model it stands for is gone.");
}

function invalid(param: string, message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", param, message });
}
