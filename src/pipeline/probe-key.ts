/** Asks an upstream whether a key works: for its models, or with the smallest request there is. */
import type { Probed, ProbeOptions } from "../candidates/credentials.ts";
import { ProxyError } from "../failure/error.ts";
import { errorTable } from "../failure/table.ts";
import type { Candidate } from "../plugin/context.ts";
import type { Credential, Provider } from "../plugin/provider.ts";
import { acceptBody } from "./accept.ts";
import { RequestState } from "./context.ts";
import { receive } from "./exchange.ts";
import { asError, start } from "./start.ts";
import type { Pipeline } from "./pipeline.ts";
import { sendAttempt } from "./send.ts";

/** Milliseconds a probe may take. */
const LIMIT = 10_000;

/** Resolves with what was found to work. Rejects with a `ProxyError` otherwise. Lets nothing rest and wakes nothing. */
export async function probeKey(pipeline: Pipeline, credential: Credential, options: ProbeOptions): Promise<Probed> {
  const { app } = pipeline;
  const provider = app.providers.find(({ name }) => name === credential.provider);
  if (provider === undefined) throw cannot(`no provider is called ${credential.provider}`);
  const model = options.model ?? app.models.listed(provider.name)[0];
  const by = options.by ?? usualWay(pipeline, provider, credential, model);
  const limit = new AbortController();
  const timer = app.runtime.clock.timer(() => limit.abort(tooSlow()), LIMIT);
  const signal = options.signal ? AbortSignal.any([options.signal, limit.signal]) : limit.signal;
  try {
    if (by === "list") {
      if (!provider.discover) throw cannot(`${provider.name} has no list of models`);
      return { by, models: await orAborted(provider.discover(credential, signal), signal) };
    }
    if (model === undefined) throw cannot(`no model of ${provider.name} is known`);
    await complete(pipeline, { provider, model, credential, position: 0 }, signal);
    return { by, models: [model] };
  } finally {
    timer.cancel();
  }
}

/** A list of models says nothing about money or a quota, so there an answer is asked for. */
function usualWay(
  { app }: Pipeline,
  { name, discover }: Provider,
  { id }: Credential,
  model: string | undefined,
): "list" | "completion" {
  if (!discover) return "completion";
  const state = app.credentials.restOf({ provider: name, credential: id })?.state;
  return model !== undefined && (state === "no-credit" || state === "exhausted") ? "completion" : "list";
}

/** One token of an answer, past every policy, counted nowhere. */
async function complete(pipeline: Pipeline, candidate: Candidate, signal: AbortSignal): Promise<void> {
  const { app } = pipeline;
  const state = new RequestState({
    app,
    req: new Request("http://127.0.0.1/v1/chat/completions", { method: "POST" }),
    id: "probe",
    protocol: app.protocol("openai-chat"),
    operation: "generate",
    ip: undefined,
  });
  const model = `${candidate.provider.name}/${candidate.model}`;
  acceptBody(state, JSON.stringify({ model, messages: [{ role: "user", content: "Hi" }], max_tokens: 1 }));
  const leave = (): void => state.cancellation.abort(signal.reason);
  signal.addEventListener("abort", leave);
  const hooks = { ...pipeline.hooks, call: [], event: [] };
  const attempt = start(state, { candidate, lease: { release() {} } });
  try {
    const response = await sendAttempt(state, hooks, attempt);
    await receive(state, hooks, attempt, response, () => {});
  } catch (thrown) {
    const error = asError(thrown, attempt);
    attempt.cancel(error);
    if (signal.aborted) throw signal.reason;
    if (!shows(error)) throw error;
  } finally {
    signal.removeEventListener("abort", leave);
    await attempt.settle();
  }
}

/** Only a key that is let in is told that its request is at fault, or that it asks too often. */
function shows(error: ProxyError): boolean {
  if (error.upstream === undefined) return false;
  return error.kind === "rate_limited" || (error.scope ?? errorTable[error.kind].scope) === "request";
}

/** A provider that does not listen to the signal holds nobody up. */
function orAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave);
    pending.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}

function tooSlow(): ProxyError {
  return new ProxyError({ kind: "timeout", message: `The provider did not answer within ${LIMIT / 1000} s.` });
}

function cannot(why: string): ProxyError {
  return new ProxyError({ kind: "no_candidate", message: `The key cannot be probed: ${why}.` });
}
