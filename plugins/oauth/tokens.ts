/** Tokens as an account keeps them. */
import type * as oauth from "oauth4webapi";
import { type AccountContext, type AccountFields, type Json, ProxyError } from "waygate";
import { textOf } from "./refusal.ts";
import { type Call, callServer, type CallInit, type ServerAnswer } from "./request.ts";
import type { OAuthSpec } from "./spec.ts";

const HOUR = 3_600_000;

export interface TokensInit extends CallInit {
  /** The account so far. */
  readonly before?: AccountFields;
  /** oauth4webapi's reader of the answer. */
  readonly process: (
    server: oauth.AuthorizationServer,
    client: oauth.Client,
    response: Response,
  ) => Promise<oauth.TokenEndpointResponse>;
}

/** Asks once for tokens. Rejects like `callServer`. */
export async function askForTokens(
  { before = {}, process, ...init }: TokensInit,
  send: (call: Call) => Promise<Response>,
): Promise<AccountFields> {
  const { spec, context, secrets = [] } = init;
  let made: Call | undefined;
  const answer = await callServer(init, (call) => send((made = call)));
  try {
    // Of what is checked `id_token` is left out: it came from the token address itself, and nothing hangs on its claims.
    const { id_token: _, ...checked } = answer;
    if (made) await process(made.server, made.client, Response.json(checked));
  } catch (error) {
    throw new ProxyError({
      kind: "upstream",
      scope: "credential",
      message: `${spec.title}: the answer of ${new URL(spec.tokenURL).origin} holds no usable tokens: ${textOf(error as Error, secrets)}.`,
    });
  }
  return fieldsOf(answer, spec, context, before);
}

/**
 * What comes in the answer replaces what was there, and everything else stays: the refresh token too, when none is
 * returned (RFC 6749 6). The end of the token is told by our clock, with which it will be compared, so that a clock which
 * is wrong all the time does no harm.
 */
function fieldsOf(
  answer: ServerAnswer,
  spec: OAuthSpec,
  context: AccountContext,
  before: AccountFields,
): AccountFields {
  const { expires_in, ...said } = answer;
  const lifetime = typeof expires_in === "number" ? expires_in * 1000 : (spec.lifetime ?? HOUR);
  const fields: { [name: string]: Json } = { ...before };
  for (const [name, value] of Object.entries(said)) if (value !== undefined && value !== null) fields[name] = value;
  return { ...fields, expiry_date: Math.round(context.now() + lifetime) };
}
