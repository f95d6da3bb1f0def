/** Signing in with a browser: authorization code with PKCE, by a callback or by pasting. */
import * as oauth from "oauth4webapi";
import type { AccountFields, LoginPerson } from "waygate";
import { type Callback, type CallbackReply, openCallback } from "./callback.ts";
import { denied, exchangeError, expired, loginError } from "./login-error.ts";
import { askForAnswer, type Pasted } from "./pasted.ts";
import { limited } from "./pause.ts";
import { pkce } from "./pkce.ts";
import type { CodeSpec } from "./spec.ts";
import { askForTokens } from "./tokens.ts";

/** Milliseconds for a login. */
const LIMIT = 5 * 60_000;

/**
 * The tokens of a login in a browser: `access_token`, `refresh_token`, `expiry_date` (epoch milliseconds) and what else
 * came. Waits for the callback and, where the person can be asked, for a pasted address or code, whichever is first.
 * Rejects with a `ConfigError` for whatever ends the login, with a `ProxyError` when the server fails, and with the
 * signal's reason.
 */
export async function authorizationCode(person: LoginPerson, spec: CodeSpec): Promise<AccountFields> {
  const ms = spec.limit ?? LIMIT;
  return limited(person, { ms, late: () => expired(spec, ms) }, (signal) => signIn({ ...person, signal }, spec));
}

async function signIn(person: LoginPerson, spec: CodeSpec): Promise<AccountFields> {
  // Kept here, never in the address: whoever reads that must not be able to redeem the code.
  const proof = spec.pkce === false ? undefined : pkce();
  const state = oauth.generateRandomState();
  const answered = Promise.withResolvers<URLSearchParams>();
  // Nobody may be waiting yet, or any more, when it is rejected.
  answered.promise.catch(() => undefined);
  const finished = Promise.withResolvers<CallbackReply>();
  const visited = async (parameters: URLSearchParams): Promise<CallbackReply> => {
    if (!parameters.has("code") && !parameters.has("error")) return reply(spec, "nothing");
    if (parameters.get("state") !== state) {
      answered.reject(mismatch(spec));
      return reply(spec, "mismatch");
    }
    // Only the first visit counts; the others are shown how it ended.
    answered.resolve(parameters);
    return finished.promise;
  };

  const { redirectURI, close } = await openRedirect(person, spec, visited);
  const asking = new AbortController();
  const leave = (): void => answered.reject(person.signal.reason);
  person.signal.addEventListener("abort", leave, { once: true });
  try {
    const url = authorizeURL(spec, { redirectURI, state, challenge: proof?.challenge });
    person.show({ text: `Sign in to ${spec.title} with a browser at this address:`, url });
    if (!person.headless) person.open(url);
    if (person.ask) {
      const signal = AbortSignal.any([person.signal, asking.signal]);
      void askForAnswer(person.ask, spec, signal).then(
        (pasted) => (isOurs(pasted, state) ? answered.resolve(pasted.parameters) : answered.reject(mismatch(spec))),
        (error: unknown) => answered.reject(error),
      );
    }
    const parameters = await answered.promise;
    asking.abort();
    const fields = await redeem(person, spec, { parameters, redirectURI, verifier: proof?.verifier });
    finished.resolve(reply(spec, "success"));
    return fields;
  } catch (error) {
    finished.resolve(reply(spec, "failure"));
    throw error;
  } finally {
    asking.abort();
    person.signal.removeEventListener("abort", leave);
    close();
  }
}

/** Where the browser is sent back to. Without a port that is free, who can paste still can sign in. */
async function openRedirect(
  person: LoginPerson,
  spec: CodeSpec,
  visited: (parameters: URLSearchParams) => Promise<CallbackReply>,
): Promise<Callback> {
  const { callback, pasteRedirect } = spec;
  const close = (): void => undefined;
  if (person.headless && person.ask && pasteRedirect !== undefined) return { redirectURI: pasteRedirect, close };
  try {
    return await openCallback({ spec, port: person.port, visited });
  } catch (error) {
    if (!person.headless || !person.ask) throw error;
    const host = callback.host ?? "localhost";
    return { redirectURI: `http://${host}:${person.port ?? callback.port}${callback.paths[0]}`, close };
  }
}

interface Asked {
  readonly redirectURI: string;
  readonly state: string;
  readonly challenge: string | undefined;
}

function authorizeURL(spec: CodeSpec, { redirectURI, state, challenge }: Asked): string {
  const url = new URL(spec.authorizeURL);
  const parameters: { readonly [name: string]: string | undefined } = {
    response_type: "code",
    client_id: spec.clientId,
    [spec.redirectParameter ?? "redirect_uri"]: redirectURI,
    scope: spec.scopes?.join(" "),
    state,
    code_challenge: challenge,
    code_challenge_method: challenge === undefined ? undefined : "S256",
    ...spec.parameters,
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

interface Answered {
  readonly parameters: URLSearchParams;
  readonly redirectURI: string;
  readonly verifier: string | undefined;
}

async function redeem(
  person: LoginPerson,
  spec: CodeSpec,
  { parameters, redirectURI, verifier }: Answered,
): Promise<AccountFields> {
  const error = parameters.get("error");
  if (error !== null) {
    const words = parameters.get("error_description");
    throw denied(spec, words === null ? error.slice(0, 200) : `${error}: ${words}`.slice(0, 200));
  }
  // The state has been compared; `iss` would be compared with metadata that nobody states here.
  const code = parameters.get("code") ?? "";
  const init = {
    spec,
    context: person,
    secrets: [code, verifier ?? ""],
    process: oauth.processAuthorizationCodeResponse,
  };
  try {
    return await askForTokens(init, ({ server, client, authentication, options }) => {
      const answer = oauth.validateAuthResponse(server, client, new URLSearchParams({ code }), oauth.expectNoState);
      const proof = verifier ?? oauth.nopkce;
      return oauth.authorizationCodeGrantRequest(server, client, authentication, answer, redirectURI, proof, options);
    });
  } catch (failure) {
    person.signal.throwIfAborted();
    throw exchangeError(spec, failure);
  }
}

function isOurs({ parameters, hasState }: Pasted, state: string): boolean {
  return !hasState || parameters.get("state") === state;
}

function mismatch({ title, provider }: CodeSpec): Error {
  return loginError({
    code: "login_mismatch",
    what: `The login to ${title} was not finished`,
    why: "the answer that came belongs to another login (its state is not the one that was sent)",
    fix: `proxy login ${provider}, and use the newest address only`,
  });
}

function reply({ title }: CodeSpec, end: "success" | "failure" | "mismatch" | "nothing"): CallbackReply {
  const texts = {
    success: "You are signed in. This window can be closed.",
    failure: "The sign-in failed. The terminal says why.",
    mismatch: "This address belongs to another sign-in. Use the newest one that the terminal shows.",
    nothing: "There is no answer in this address.",
  };
  return { isSuccess: end === "success", page: { title, text: texts[end] } };
}
