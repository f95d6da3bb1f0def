/** One call of an authorization server: made by oauth4webapi, its answer read as leniently as servers need. */
import * as oauth from "oauth4webapi";
import { type AccountContext, type ErrorKind, type Json, ProxyError, retryTime } from "waygate";
import { limited } from "./pause.ts";
import { textOf, TokenRefused } from "./refusal.ts";
import type { OAuthSpec } from "./spec.ts";

/** An answer with tokens: the fields of RFC 6749 5.1 and whatever else came. */
export interface ServerAnswer {
  readonly [name: string]: Json | undefined;
}

export interface Call {
  readonly server: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly authentication: oauth.ClientAuth;
  readonly options: oauth.TokenEndpointRequestOptions;
}

export interface CallInit {
  readonly spec: OAuthSpec & { readonly deviceURL?: string };
  readonly context: AccountContext;
  /** Form fields besides the usual ones. */
  readonly parameters?: { readonly [name: string]: string };
  /** What no error may show. The client's own secret is one without being named. */
  readonly secrets?: readonly string[];
}

/** Milliseconds for one answer. */
const LIMIT = 15_000;

/**
 * Calls the server once. Rejects with a `TokenRefused` for a refusal, with the signal's reason when that is aborted, else
 * with a `ProxyError` after which a later try may help.
 */
export async function callServer(init: CallInit, send: (call: Call) => Promise<Response>): Promise<ServerAnswer> {
  const { spec, context, parameters, secrets = [] } = init;
  const { clientId, clientSecret = "", tokenURL, deviceURL } = spec;
  const hidden = [...secrets, clientSecret];
  let place = tokenURL;
  let answer: ServerAnswer | undefined;
  const failed = (kind: ErrorKind, why: string): ProxyError => {
    const { origin, pathname } = new URL(place);
    return new ProxyError({
      kind,
      scope: "credential",
      message: `${spec.title}: POST ${origin}${pathname} failed: ${why}.`,
    });
  };
  const fetchOnce = async (url: string, request: oauth.CustomFetchOptions<string, BodyInit>): Promise<Response> => {
    place = url;
    const response = await context.fetch(url, request);
    tellSkew(response.headers.get("date"), { context, title: spec.title });
    answer = read(await response.text(), { spec, response, hidden, now: context.now(), failed });
    return Response.json(answer);
  };
  const late = (): ProxyError => failed("timeout", `no answer within ${LIMIT / 1000} s`);
  await limited(context, { ms: LIMIT, late }, async (signal) => {
    try {
      await send({
        server: {
          issuer: new URL(tokenURL).origin,
          token_endpoint: tokenURL,
          ...(deviceURL !== undefined && { device_authorization_endpoint: deviceURL }),
        },
        client: { client_id: clientId },
        authentication: proofOf(spec),
        options: {
          [oauth.customFetch]: fetchOnce as (url: string, request: unknown) => Promise<Response>,
          [oauth.allowInsecureRequests]: isLoopback(tokenURL),
          additionalParameters: { ...spec.tokenParameters, ...parameters },
          headers: { ...spec.headers },
          signal,
        },
      });
    } catch (error) {
      if (error instanceof TokenRefused || ProxyError.is(error)) throw error;
      context.signal.throwIfAborted();
      const kind = error instanceof oauth.OperationProcessingError ? "upstream" : "network";
      throw failed(kind, textOf(error as Error, hidden));
    }
  });
  if (answer === undefined) throw failed("upstream", "there was no answer");
  return answer;
}

const MINUTE = 60_000;
/** Of each server: the difference, in minutes, that was told last. */
const told = new Map<string, number>();

/** A wrong clock does no harm to tokens, but to much else; and to accounts whose files other machines use too. */
function tellSkew(date: string | null, { context, title }: { context: AccountContext; title: string }): void {
  const minutes = Math.round((Date.parse(date ?? "") - context.now()) / MINUTE);
  if (Number.isNaN(minutes) || Math.abs(minutes) <= 1 || told.get(title) === minutes) return;
  told.set(title, minutes);
  const which = minutes > 0 ? "behind" : "ahead of";
  context.warn(`The clock of this machine is ${Math.abs(minutes)} min ${which} that of ${title}. Set it right.`);
}

/** Plain `http` is for a server on this very machine alone. */
export function isLoopback(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function proofOf({
  clientSecret = "",
  clientAuthentication: way = clientSecret === "" ? "none" : "post",
}: OAuthSpec): oauth.ClientAuth {
  if (way === "none") return oauth.None();
  if (way === "post") return oauth.ClientSecretPost(clientSecret);
  // Not oauth4webapi's: it escapes both as RFC 6749 2.3.1 has it, which servers that compare the header do not undo.
  return (_server, { client_id: id }, _body, headers) =>
    headers.set("authorization", `Basic ${Buffer.from(`${id}:${clientSecret}`).toString("base64")}`);
}

interface Reading {
  readonly spec: OAuthSpec;
  readonly response: Response;
  readonly hidden: readonly string[];
  readonly now: number;
  readonly failed: (kind: ErrorKind, why: string) => ProxyError;
}

function read(text: string, { spec, response, hidden, now, failed }: Reading): ServerAnswer {
  const { status, headers } = response;
  if (status >= 500) throw failed("overloaded", `status ${status}`);
  const body = parse(text);
  const { error, ...said } = fieldsIn(body) ?? {};
  // Some servers refuse with 200 and an error in the body.
  if (status >= 400 || (typeof error === "string" && said["access_token"] === undefined)) {
    throw new TokenRefused({
      status,
      error: typeof error === "string" ? textOf(error, hidden) : "",
      description: textOf(said["error_description"] ?? said["message"], hidden),
      retryAt: retryTime({ headers: Object.fromEntries(headers), body: text, now })?.at,
    });
  }
  if (status !== 200) throw failed("upstream", `status ${status}`);
  const fields = fieldsIn(body === undefined || !spec.unwrap ? body : spec.unwrap(body));
  if (fields !== undefined) return lenient(fields);
  const isPage = /^\s*</.test(text);
  const found = text.trim() === "" ? "an empty body" : isPage ? "a web page" : "something else than a JSON object";
  throw failed("upstream", `the answer, with status 200, is ${found}`);
}

/** Leaves out what is there without saying anything, and puts right what RFC 6749 has in another type. */
function lenient({ refresh_token, expires_in, interval, token_type, scope, ...rest }: ServerAnswer): ServerAnswer {
  const seconds = Number(expires_in);
  return {
    ...rest,
    token_type: typeof token_type === "string" && token_type !== "" ? token_type : "Bearer",
    ...(typeof refresh_token === "string" && refresh_token !== "" && { refresh_token }),
    ...(Number.isFinite(seconds) && seconds > 0 && { expires_in: seconds }),
    ...(Number(interval) > 0 && { interval: Number(interval) }),
    ...(typeof scope === "string" && { scope }),
    ...(Array.isArray(scope) && { scope: scope.join(" ") }),
  };
}

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined; // Told by whoever misses what it would have held.
  }
}

function fieldsIn(value: Json | undefined): ServerAnswer | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as ServerAnswer) : undefined;
}
