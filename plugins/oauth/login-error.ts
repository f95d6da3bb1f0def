/** What ends a login, in the form in which the command line shows it. */
import { ConfigError } from "waygate";
import { TokenRefused, wordsOf } from "./refusal.ts";
import type { OAuthSpec } from "./spec.ts";

export interface LoginFault {
  /** `login_denied`, `login_expired`, `login_mismatch`, `login_port`, `login_refused`, `login_text`. */
  readonly code: string;
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

/** Recognise it with `ConfigError.is`. No part of it may hold a secret. */
export function loginError({ code, what, why, fix }: LoginFault): ConfigError {
  return new ConfigError([{ code, path: [], what, why, fix }]);
}

/** Nobody signed in. */
export function expired({ title, provider }: OAuthSpec, ms: number): ConfigError {
  const time = ms >= 60_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 1000)} s`;
  return loginError({
    code: "login_expired",
    what: `The login to ${title} was not finished`,
    why: `no answer came within ${time}: the page was closed, or it could not reach this machine`,
    fix: `proxy login ${provider}, and where the browser runs on another machine paste the address it ends at`,
  });
}

/** The person said no. */
export function denied({ title, provider }: OAuthSpec, words: string): ConfigError {
  return loginError({
    code: "login_denied",
    what: `${title} did not grant access`,
    why: words,
    fix: `proxy login ${provider}, and agree to what it asks for`,
  });
}

/** What a refusal of the token address means for whoever signs in; other errors are passed on. */
export function exchangeError(spec: OAuthSpec, error: unknown): unknown {
  if (!(error instanceof TokenRefused)) return error;
  const { title, provider } = spec;
  const isClient = error.error === "invalid_client" || error.error === "unauthorized_client";
  return loginError({
    code: "login_refused",
    what: `${title} gave no tokens`,
    why: `${new URL(spec.tokenURL).host} answered ${error.status}, ${wordsOf(error)}`,
    fix: isClient
      ? "correct the client id and the client secret: one of them is not known there"
      : `proxy login ${provider}: a code is good for one use and for a few minutes`,
  });
}
