/** Refusals of what cannot be left out of a request without asking for something else. Encoders call these. */
import { ProxyError } from "../failure/error.ts";
import type { GenerateRequest } from "./canonical.ts";

/** `field` is the client's; `reason` says what the target lacks, as a sentence. */
export function unsupported(field: string, reason: string): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    scope: "request",
    code: "unsupported_feature",
    param: field,
    message: `'${field}' cannot be passed on: ${reason} Leave it out, or choose a model that supports it.`,
  });
}

/** For targets that give one answer only. */
export function refuseMany({ choices = 1 }: GenerateRequest, protocolId: string): void {
  if (choices > 1) throw unsupported("n", `${protocolId} gives one answer and not ${choices}.`);
}

/** For services that fetch what they are pointed to: other clouds' own addresses (`gs://…`) are no use to them. */
export function refuseAddress(field: string, url: string): void {
  if (/^(?:https?|data):/i.test(url)) return;
  const scheme = /^[\w+.-]+:/.exec(url)?.[0] ?? "no scheme";
  throw unsupported(field, `files are fetched from http and https addresses only, and this one has ${scheme}.`);
}
