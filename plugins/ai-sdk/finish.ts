/** How an answer ended and what it cost, in the forms of all versions of the specification. */
import type { Finish, Usage } from "waygate";
import { isFields } from "./model.ts";

/** A text in version 2; `{ unified, raw }` afterwards. */
export function finishOf(reason: unknown): { readonly reason: Finish; readonly raw?: string } {
  const unified = isFields(reason) ? reason["unified"] : reason;
  const raw = isFields(reason) && typeof reason["raw"] === "string" ? { raw: reason["raw"] } : {};
  const known: readonly unknown[] = ["stop", "length", "tool-calls", "content-filter", "error"] satisfies Finish[];
  if (unified === "interrupted") return { reason: "pause", ...raw };
  return { reason: known.includes(unified) ? (unified as Finish) : "other", ...raw };
}

/** Flat in version 2, nested afterwards. `input` includes what was cached in both. */
export function usageOf(usage: unknown): Usage | undefined {
  if (!isFields(usage)) return undefined;
  const { inputTokens: input, outputTokens: output } = usage;
  const counts = {
    input: count(isFields(input) ? input["total"] : input),
    cacheRead: count(isFields(input) ? input["cacheRead"] : usage["cachedInputTokens"]),
    cacheWrite: count(isFields(input) ? input["cacheWrite"] : undefined),
    output: count(isFields(output) ? output["total"] : output),
    reasoning: count(isFields(output) ? output["reasoning"] : usage["reasoningTokens"]),
  };
  const given = Object.entries(counts).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}
