/** New tokens from a refresh token (RFC 6749 6). */
import * as oauth from "oauth4webapi";
import { type AccountContext, type AccountFields, ProxyError } from "waygate";
import { pause } from "./pause.ts";
import { TokenRefused, wordsOf } from "./refusal.ts";
import type { OAuthRefusal, OAuthSpec } from "./spec.ts";
import { askForTokens } from "./tokens.ts";

/** Milliseconds between the tries; there is one more try than pauses. */
const PAUSES = [1000, 2000];
/** A wait that the server names is waited for here up to so many milliseconds. */
const SHORT = 5000;
/** Milliseconds after a 429 that names no time. */
const USUAL_WAIT = 60_000;

/**
 * The account with new tokens: everything else in it stays, the refresh token too when none is returned. Failures of the
 * network and 5xx are tried three times in all. Rejects with a `ProxyError`: `credential_invalid` when only a new login
 * helps, `rate_limited` with `retryAt` after a 429, and another kind when a later try may help.
 */
export async function refreshTokens(
  spec: OAuthSpec,
  fields: AccountFields,
  context: AccountContext,
): Promise<AccountFields> {
  const token = fields["refresh_token"];
  if (typeof token !== "string" || token === "") throw invalid(spec, "the account has no refresh token");
  const init = { spec, context, before: fields, secrets: [token], process: oauth.processRefreshTokenResponse };
  for (let turn = 0; ; turn++) {
    try {
      return await askForTokens(init, ({ server, client, authentication, options }) =>
        oauth.refreshTokenGrantRequest(server, client, authentication, token, options),
      );
    } catch (error) {
      context.signal.throwIfAborted();
      const wait = error instanceof TokenRefused ? shortWait(error, context.now()) : waitAfter(error, turn);
      if (wait === undefined || turn >= PAUSES.length) {
        throw error instanceof TokenRefused ? refused(spec, error, context.now()) : error;
      }
      await pause(context, wait);
    }
  }
}

/** An answer without tokens will hardly have some a second later, and may have used up the refresh token. */
const passing: ReadonlySet<unknown> = new Set(["network", "timeout", "overloaded"]);

function waitAfter(error: unknown, turn: number): number | undefined {
  return ProxyError.is(error) && passing.has(error.kind) ? PAUSES[turn] : undefined;
}

function shortWait({ status, retryAt }: TokenRefused, now: number): number | undefined {
  return status === 429 && retryAt !== undefined && retryAt - now <= SHORT ? Math.max(0, retryAt - now) : undefined;
}

/** What a refusal means for the account. */
function refused(spec: OAuthSpec, refusal: TokenRefused, now: number): ProxyError {
  const words = wordsOf(refusal);
  if (refusal.status === 429) {
    const retryAt = refusal.retryAt ?? now + USUAL_WAIT;
    const message = `${spec.title}: no new token for ${Math.ceil((retryAt - now) / 1000)} s: ${words}.`;
    return new ProxyError({ kind: "rate_limited", scope: "credential", message, retryAt });
  }
  if ((spec.needsLogin ?? needsLogin)(refusal)) return invalid(spec, words, refusal.error);
  return new ProxyError({
    kind: "upstream",
    scope: "credential",
    message: `${spec.title}: the token was not renewed: ${words}.`,
  });
}

const final: ReadonlySet<string> = new Set(["invalid_grant", "unauthorized_client", "invalid_client"]);

function needsLogin({ status, error }: OAuthRefusal): boolean {
  return status === 401 || status === 403 || final.has(error);
}

function invalid({ title, provider }: OAuthSpec, words: string, error = ""): ProxyError {
  const again = `Sign in again: proxy login ${provider}`;
  const fix =
    error === "invalid_client"
      ? "Its client id or client secret is not the one the server knows: correct it, then restart."
      : error === "unauthorized_client"
        ? `The sign-in belongs to another client id. ${again}`
        : again;
  return new ProxyError({
    kind: "credential_invalid",
    scope: "credential",
    message: `${title}: ${words.replace(/\.$/, "")}. ${fix}`,
  });
}
