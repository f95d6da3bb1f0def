/**
 * Requests that continue an answer the upstream keeps (`previous_response_id`). Only the account that made it has it, so
 * the request goes there or nowhere.
 */
import { ProxyError } from "../failure/error.ts";
import type { Target } from "../plugin/context.ts";
import { isObject } from "../protocols/json.ts";
import type { RunningAttempt } from "./attempt.ts";
import type { RequestState } from "./context.ts";

/** OpenAI keeps responses for 30 days (Responses API guide, conversation state). */
const KEPT = 30 * 24 * 3_600_000;

/** Binds the request to the credential that made the answer it continues. Throws a 400 when nobody is known to have. */
export async function continuedTargets(state: RequestState, targets: readonly Target[]): Promise<readonly Target[]> {
  const { continues, ctx } = state;
  if (continues === undefined) return targets;
  const made = (await ctx.app.state.get(keyOf(state, continues))) ?? null;
  const { provider, credential } = isObject(made) ? made : {};
  const home = targets.filter((target) => target.provider.name === provider);
  if (home.length === 0 || typeof credential !== "string") throw unknown(continues);
  state.onlyCredential = credential;
  return home;
}

/** Notes who has made an answer that can be continued. */
export async function noteAnswer(state: RequestState, attempt: RunningAttempt, id: string): Promise<void> {
  const { provider, credential, ctx } = attempt;
  await ctx.app.state.set(keyOf(state, id), { provider: provider.name, credential: credential.id }, KEPT);
}

/** By who asks: the answer of one client is nobody else's to continue. */
function keyOf({ principal }: RequestState, id: string): string {
  return `answer:${principal?.id ?? ""}:${id}`;
}

function unknown(id: string): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    scope: "request",
    status: 400,
    code: "previous_response_not_found",
    param: "previous_response_id",
    message: `Previous response with id '${id.slice(0, 100)}' not found: this proxy has not passed it on, or not for you, or the model asked for now belongs to another provider. Send the whole conversation instead.`,
  });
}
