/** Signing in on another device (RFC 8628), with PKCE where the server takes it. */
import * as oauth from "oauth4webapi";
import { type AccountFields, type LoginPerson, ProxyError } from "waygate";
import { denied, exchangeError, expired, loginError } from "./login-error.ts";
import { limited, pause } from "./pause.ts";
import { pkce } from "./pkce.ts";
import { TokenRefused, wordsOf } from "./refusal.ts";
import { callServer } from "./request.ts";
import type { DeviceSpec, OAuthSpec } from "./spec.ts";
import { askForTokens, type TokensInit } from "./tokens.ts";

/** Seconds between two questions where the server does not say. */
const INTERVAL = 5;
/** Milliseconds between two questions at most, however often the server asks for more. */
const SLOWEST = 10_000;
/** Failures of the network or the server in a row after which nobody waits any more. */
const FAILURES = 5;

/**
 * The tokens of a login on another device. Rejects with a `ConfigError` when the code has expired, access was denied or
 * the server refuses, with a `ProxyError` when it fails, and with the signal's reason.
 */
export async function deviceCode(person: LoginPerson, spec: DeviceSpec): Promise<AccountFields> {
  const proof = spec.pkce === false ? undefined : pkce();
  const device = await begin(person, spec, proof?.challenge);
  const url = device.verification_uri_complete ?? device.verification_uri;
  person.show({ text: `Sign in to ${spec.title} at this address, on any device:`, url, code: device.user_code });
  if (!person.headless) person.open(url);
  const ms = device.expires_in * 1000;
  const init: TokensInit = {
    spec,
    context: person,
    parameters: proof ? { code_verifier: proof.verifier } : {},
    secrets: [device.device_code, proof?.verifier ?? ""],
    process: oauth.processDeviceCodeResponse,
  };
  return limited(person, { ms, late: () => expired(spec, ms) }, (signal) =>
    poll({ ...init, context: { ...person, signal } }, device),
  );
}

async function begin(
  person: LoginPerson,
  spec: DeviceSpec,
  challenge: string | undefined,
): Promise<oauth.DeviceAuthorizationResponse> {
  const parameters = {
    ...(spec.scopes && { scope: spec.scopes.join(" ") }),
    ...(challenge !== undefined && { code_challenge: challenge, code_challenge_method: "S256" }),
  };
  try {
    let device: oauth.DeviceAuthorizationResponse | undefined;
    await callServer({ spec, context: person }, async ({ server, client, authentication, options }) => {
      const { additionalParameters: _, ...rest } = options;
      const response = await oauth.deviceAuthorizationRequest(server, client, authentication, parameters, rest);
      device = await oauth.processDeviceAuthorizationResponse(server, client, response);
      return response;
    });
    return device!;
  } catch (error) {
    person.signal.throwIfAborted();
    throw exchangeError(spec, error);
  }
}

async function poll(init: TokensInit, device: oauth.DeviceAuthorizationResponse): Promise<AccountFields> {
  const { spec, context } = init;
  let interval = (device.interval ?? INTERVAL) * 1000;
  let failures = 0;
  for (;;) {
    await pause(context, interval);
    try {
      return await askForTokens(init, ({ server, client, authentication, options }) =>
        oauth.deviceCodeGrantRequest(server, client, authentication, device.device_code, options),
      );
    } catch (error) {
      context.signal.throwIfAborted();
      if (ProxyError.is(error) && ++failures < FAILURES) continue;
      if (!(error instanceof TokenRefused)) throw error;
      failures = 0;
      if (error.error === "slow_down") interval = Math.max(interval, Math.min(SLOWEST, interval * 1.5));
      else if (error.error !== "authorization_pending") throw ended(spec, error, device.expires_in);
    }
  }
}

function ended(spec: OAuthSpec, refusal: TokenRefused, seconds: number): unknown {
  const { status, error } = refusal;
  if (error === "access_denied") return denied(spec, wordsOf(refusal));
  if (error === "expired_token" || (status === 401 && error !== "invalid_client")) {
    return expired(spec, seconds * 1000);
  }
  if (status !== 429) return exchangeError(spec, refusal);
  return loginError({
    code: "login_refused",
    what: `${spec.title} refuses to be asked`,
    why: `${new URL(spec.tokenURL).host} answered 429, ${wordsOf(refusal)}`,
    fix: `wait some minutes, then: proxy login ${spec.provider}`,
  });
}
