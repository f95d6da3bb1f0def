/** What the service's refusals mean (Qwen Code docs, "Qwen OAuth"; qwen-code, `utils/quotaErrorDetection.ts`). */
import type { FailureRule } from "waygate/plugins/openai-compatible";

/** Said of accounts since the free plan was closed in April 2026. */
export const discontinued: RegExp = /free tier[^"]{0,120}discontinued|discontinued[^"]{0,120}free tier/i;

const MINUTE = 60_000;

export const failures: readonly FailureRule[] = [
  { text: discontinued, kind: "credential_invalid", scope: "credential" },
  // When the quota is back is said by nobody but third parties. An account that is merely new is refused like that, too,
  // so that the core looks again every five minutes unless the answer names a time.
  {
    status: [403, 429],
    code: /^(?:insufficient_quota|quota_exceeded)$/i,
    kind: "quota_exhausted",
    scope: "credential",
  },
  {
    status: [403, 429],
    text: /free allocated quota exceeded|quota exceeded/i,
    kind: "quota_exhausted",
    scope: "credential",
  },
  // About 60 requests a minute of one account, all its models together.
  { status: [429], kind: "rate_limited", scope: "credential", wait: MINUTE },
  { status: [400], code: /^slow_down$/i, kind: "rate_limited", scope: "credential", wait: MINUTE },
  { text: /\bslow_down\b/i, kind: "rate_limited", scope: "credential", wait: MINUTE },
];
