/** Models as Anthropic's API lists them (Anthropic API reference, Models). */
import type { ModelEntry } from "../candidates/models.ts";
import type { ModelInfo } from "../catalog/model-info.ts";
import { ProxyError } from "../failure/error.ts";

/** Entries of a page at most, as at Anthropic, and here also when no number is asked for: few have as many models. */
const MOST = 1000;

/** The time that stands for an unknown one, as the reference says. */
const epoch = "1970-01-01T00:00:00Z";

export function anthropicModel({ id }: ModelEntry, info: ModelInfo | undefined): object {
  return {
    type: "model",
    id,
    display_name: id,
    created_at: timeOf(info?.releaseDate ?? null),
    max_input_tokens: info?.contextLength ?? null,
    max_tokens: info?.maxOutputTokens ?? null,
    capabilities: null,
    lifecycle: info?.status === "deprecated" ? "deprecated" : "active",
    deprecated_at: null,
    retires_at: null,
    line: null,
  };
}

export interface AnthropicPage {
  readonly entries: readonly ModelEntry[];
  /** True when there are more in the direction that was asked for. */
  readonly hasMore: boolean;
}

/** The page the query asks for. Throws a `ProxyError` of status 400 for a cursor or a number that cannot be one. */
export function anthropicPage(list: readonly ModelEntry[], query: URLSearchParams): AnthropicPage {
  const limit = limitOf(query.get("limit"));
  const before = query.get("before_id");
  if (before !== null) {
    const end = placeOf(list, before, "before_id");
    return { entries: list.slice(Math.max(0, end - limit), end), hasMore: end > limit };
  }
  const after = query.get("after_id");
  const start = after === null ? 0 : placeOf(list, after, "after_id") + 1;
  return { entries: list.slice(start, start + limit), hasMore: start + limit < list.length };
}

/** The catalogue knows the day or the month. */
function timeOf(date: string | null): string {
  if (date === null) return epoch;
  return /^\d{4}-\d{2}-\d{2}$/.test(date)
    ? `${date}T00:00:00Z`
    : /^\d{4}-\d{2}$/.test(date)
      ? `${date}-01T00:00:00Z`
      : epoch;
}

function limitOf(text: string | null): number {
  if (text === null || text === "") return MOST;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MOST) return limit;
  throw invalid("limit", `limit: expected a whole number from 1 to ${MOST}.`);
}

function placeOf(list: readonly ModelEntry[], id: string, param: string): number {
  const place = list.findIndex((entry) => entry.id === id);
  if (place !== -1) return place;
  throw invalid(param, `${param}: no model is listed as ${JSON.stringify(id.slice(0, 200))}.`);
}

function invalid(param: string, message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", param, message });
}
