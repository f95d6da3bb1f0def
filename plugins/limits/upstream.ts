/**
 * What an upstream says is left of its limits, in `x-ratelimit-limit-*` and `x-ratelimit-remaining-*` (OpenAI and Groq
 * API references, rate limits). It may know of uses elsewhere, so it raises our counts; it never lowers them, because
 * what it says is older than what we have sent since.
 */
import type { Attempt, Hooks } from "waygate";
import type { Plan } from "./rules.ts";

export function readUpstream(planOf: (attempt: Attempt) => Plan | undefined): Hooks["call"] {
  return async (attempt, next) => {
    const response = await next();
    const plan = planOf(attempt);
    // Not waited for: the answer must not be later because of it.
    if (plan)
      void raise(plan, attempt, response.headers).catch((error: unknown) => attempt.ctx.log.warn(failed, error));
    return response;
  };
}

const failed = "What an upstream said of its limits could not be counted:";

async function raise({ windows, takes }: Plan, { ctx }: Attempt, headers: Headers): Promise<void> {
  for (const unit of ["requests", "tokens"] as const) {
    const limit = count(headers.get(`x-ratelimit-limit-${unit}`));
    const remaining = count(headers.get(`x-ratelimit-remaining-${unit}`));
    // Impossible values are in use for "none".
    if (limit === undefined || remaining === undefined || limit === 0 || remaining > limit) continue;
    // The headers do not name their window; the same number is the same limit.
    const index = windows.findIndex((window) => window.unit === unit && window.stated === limit);
    const take = takes[index];
    if (!take) continue;
    const { state } = ctx.app;
    const [used = 0] = await state.used([take.counter]);
    const more = limit - remaining - used;
    if (more <= 0) continue;
    const raised = await state.reserve([{ ...take, limit: Number.MAX_SAFE_INTEGER, amount: more }]);
    if (raised.granted) await state.settle(raised.id, []);
  }
}

function count(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
