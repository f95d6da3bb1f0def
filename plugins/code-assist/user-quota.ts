/** What is left to an account, model by model: `retrieveUserQuota` (gemini-cli, `code_assist/types.ts`). */
import type { Json } from "waygate";
import { isObject } from "waygate/plugins/openai-compatible";
import { type Ask, askService } from "./ask.ts";
import type { QuotaReading } from "./quota.ts";

/** Rejects like `askService`. A bucket without a number is empty. */
export async function userQuota(hosts: readonly string[], ask: Ask, project: string): Promise<readonly QuotaReading[]> {
  const { buckets } = await askService(hosts, ":retrieveUserQuota", { project }, ask);
  const list = Array.isArray(buckets) ? (buckets as readonly Json[]) : [];
  return list.flatMap((bucket): QuotaReading[] => {
    if (!isObject(bucket) || typeof bucket["modelId"] !== "string") return [];
    const { remainingFraction: left, resetTime } = bucket;
    const resetAt = typeof resetTime === "string" ? Date.parse(resetTime) : Number.NaN;
    return [
      {
        model: bucket["modelId"],
        left: typeof left === "number" ? left : 0,
        ...(!Number.isNaN(resetAt) && { resetAt }),
      },
    ];
  });
}
