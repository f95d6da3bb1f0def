/** What the service's refusals mean. Many come with status 200 and a number of its own. */
import type { FailureRule } from "waygate/plugins/openai-compatible";

/** Said when the service itself has ended, as it did in April 2026. */
export const discontinued: RegExp =
  /\bservice\b[^"]{0,80}\b(?:discontinued|has ended|been (?:closed|shut down|terminated))|\bdiscontinued\b[^"]{0,80}\bservice\b/i;

const MINUTE = 60_000;

export const failures: readonly FailureRule[] = [
  { text: discontinued, kind: "credential_invalid", scope: "credential" },
  {
    text: /\b(?:invalid|expired|incorrect|wrong)\b.{0,20}\b(?:api ?key|(?:api|access) ?token)\b|\b(?:api ?key|(?:api|access) ?token)\b.{0,20}\b(?:invalid|expired)\b/i,
    kind: "credential_invalid",
    scope: "credential",
  },
  {
    text: /\bquota\b.{0,40}\b(?:exceeded|exhausted|used up)|(?:exceeded|exhausted|used up).{0,40}\bquota\b/i,
    kind: "quota_exhausted",
  },
  { status: [429, 449], kind: "rate_limited", wait: MINUTE },
  { text: /\bslow_down\b|\brate limit/i, kind: "rate_limited", wait: MINUTE },
];
