/** Takes a body in: JSON, of a sane depth, and a request of its protocol. Everything else is the client's fault. */
import { ProxyError } from "../failure/error.ts";
import type { JsonObject } from "../protocols/canonical.ts";
import { parsedBody } from "../wire/body.ts";
import { describePlace, jsonFault } from "../wire/json-fault.ts";
import { deeperThan } from "../wire/json-text.ts";
import type { RequestState } from "./context.ts";

/** Levels of nesting in a request; deeper ones serve only to exhaust a stack somewhere. */
const MAX_DEPTH = 512;

export function acceptBody(state: RequestState, text: string): void {
  const json = parseObject(text);
  const body = parsedBody(text, json);
  const { ctx } = state;
  const { model, stream, usage, framing, continues, keeps } = ctx.protocol.inspect(ctx.req, body);
  state.body = body;
  state.stream = stream;
  state.usage = usage;
  state.framing = framing;
  state.continues = continues;
  state.keeps = keeps ?? false;
  ctx.model = model;
}

/** Throws a `ProxyError` with the code `invalid_json` for what is no JSON object of a sane depth. */
export function parseObject(text: string): JsonObject {
  if (text === "") throw refuse("The body is empty; a JSON object is expected.");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // V8's message may quote the body, which is the client's content: only the place is passed on.
    throw refuse(`The body is not valid JSON, ${describePlace(text, jsonFault(text))}.`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw refuse("The body must be a JSON object.");
  if (deeperThan(text, MAX_DEPTH)) throw refuse(`The body is nested more than ${MAX_DEPTH} levels deep.`);
  return json as JsonObject;
}

function refuse(message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", code: "invalid_json", message });
}
