/** What is only passed on: who is asked for it, and what each of them is sent. */
import { ProxyError } from "../../failure/error.ts";
import type { Candidate, Target } from "../../plugin/context.ts";
import type { Wire } from "../../plugin/provider.ts";
import { jsonBody, parsedBody } from "../../wire/body.ts";
import { missingModel } from "../../wire/form-scan.ts";
import { parseObject } from "../accept.ts";
import type { RequestState } from "../context.ts";
import { forwardedHeaders, protocolOf } from "../send.ts";
import { type FormInit, readUpload } from "./upload.ts";

/** How a request comes to be passed on. */
export interface ForwardInit {
  /** Below the base URL of the upstream, with a leading slash: `/images/edits`. */
  readonly path: string;
  /** Absent when the body is no form. */
  readonly readForm: (() => FormInit) | undefined;
}

/** Protocols of servers that have these routes. */
const openAi: ReadonlySet<string> = new Set(["openai-chat", "openai-responses"]);

/** Throws a `ProxyError` of status 400, 413 or 415 for a body that cannot be passed on. */
export async function acceptForward(
  state: RequestState,
  forward: ForwardInit,
  readBody: () => Promise<string>,
): Promise<void> {
  const { ctx } = state;
  state.forward = forward;
  if (forward.readForm) {
    state.upload = await readUpload(forward.readForm());
    ctx.model = state.upload.model;
    // All that plugins can see of a form; its fields and files are still under way.
    state.body = jsonBody({ model: ctx.model });
    return;
  }
  const text = await readBody();
  const json = parseObject(text);
  const { model } = json;
  if (model === undefined || model === null || model === "") throw missingModel("Missing required parameter: 'model'.");
  if (typeof model !== "string") {
    const message = "Invalid type for 'model': expected a string.";
    throw new ProxyError({ kind: "invalid_request", scope: "request", param: "model", message });
  }
  state.body = parsedBody(text, json);
  ctx.model = model;
}

/** The targets that have such routes. Throws a `ProxyError` with the code `unsupported_feature` when none has. */
export function forwardTargets(state: RequestState, targets: readonly Target[]): readonly Target[] {
  const able = targets.filter((target) => openAi.has(protocolOf(state, target).id));
  if (able.length > 0) return able;
  const speakers = targets.map((target) => `${target.provider.name} (${protocolOf(state, target).id})`);
  throw new ProxyError({
    kind: "invalid_request",
    scope: "request",
    status: 400,
    code: "unsupported_feature",
    param: "model",
    message: `POST /v1${state.forward?.path ?? ""} is only passed on to upstreams that speak OpenAI's API, and ${JSON.stringify(state.ctx.model.slice(0, 200))} is a model of ${[...new Set(speakers)].join(", ")}. Choose a model of another provider.`,
  });
}

/** The request for one candidate: the client's own bytes under the candidate's name of the model. */
export function forwardWire(state: RequestState, { path }: ForwardInit, { model }: Candidate): Wire {
  const { ctx, upload } = state;
  const wire = { url: path, method: "POST", headers: forwardedHeaders(state, state.ctx.protocol) };
  if (upload) return { ...wire, body: undefined, stream: upload.body(model) };
  return { ...wire, body: ctx.protocol.retarget(ctx.body, model, {}) };
}
