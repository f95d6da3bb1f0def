/** Google's sign-in as far as installed programs meet it: consent, tokens, who it was. */
import { createHash, randomBytes } from "node:crypto";
import type { Answer, Asked } from "./types.ts";

export interface OAuthModes {
  /** The person says no. */
  deny: boolean;
  /** What comes back in place of the state that was sent. */
  state: string | undefined;
  /** Refreshes give a new refresh token as well. */
  rotate: boolean;
  /** Answers for the next calls of the token address, before it does what it is asked. */
  readonly next: Answer[];
  /** Seconds a new access token lasts. */
  lifetime: number;
}

export interface GoogleUser {
  readonly email: string;
}

export interface Session {
  readonly email: string;
  readonly client: string;
  readonly refreshToken: string;
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export interface OAuthFake {
  readonly modes: OAuthModes;
  /** Clients that are registered, with their secrets. */
  readonly clients: Map<string, string>;
  /** Who consents next. */
  user: GoogleUser;
  /** By access token. */
  readonly sessions: Map<string, Session>;
  /** Grants of the token address so far: `authorization_code`, `refresh_token`. */
  readonly grants: string[];
  /** Makes an account that has signed in already; `alive`: seconds its access token lasts. */
  signedIn(email: string, client: string, alive?: number): { readonly [field: string]: string | number };
  /** Ends a refresh token. */
  revoke(refreshToken: string): void;
  handle(asked: Asked): Answer | undefined;
}

interface Pending {
  readonly email: string;
  readonly client: string;
  readonly redirect: string;
  readonly challenge: string | undefined;
  used: boolean;
}

const json = (status: number, body: unknown, headers: { readonly [name: string]: string } = {}): Answer => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8", ...headers },
  body: JSON.stringify(body),
});

export function refusal(status: number, error: string, description?: string): Answer {
  return json(status, { error, ...(description !== undefined && { error_description: description }) });
}

export function createOAuth(): OAuthFake {
  const codes = new Map<string, Pending>();
  const refreshTokens = new Map<string, { readonly email: string; readonly client: string }>();
  const sessions = new Map<string, Session>();
  let count = 0;

  const tokens = (
    email: string,
    client: string,
    refreshToken: string,
    lifetime: number,
  ): { [field: string]: string | number } => {
    const access = `fake-access-${++count}-${randomBytes(6).toString("hex")}`;
    sessions.set(access, { email, client, refreshToken, expiresAt: Date.now() + lifetime * 1000 });
    const claims = Buffer.from(JSON.stringify({ email, iss: "https://accounts.google.com" })).toString("base64url");
    return {
      access_token: access,
      expires_in: lifetime,
      scope: "https://www.googleapis.com/auth/cloud-platform openid",
      token_type: "Bearer",
      id_token: `e30.${claims}.c2ln`,
    };
  };
  const newRefreshToken = (email: string, client: string): string => {
    const token = `fake-refresh-${++count}-${randomBytes(6).toString("hex")}`;
    refreshTokens.set(token, { email, client });
    return token;
  };

  const consent = ({ query }: Asked): Answer => {
    const redirect = query.get("redirect_uri") ?? "";
    const known = ["client_id", "redirect_uri", "response_type", "scope", "state"].every((name) => query.get(name));
    if (!known || !fake.clients.has(query.get("client_id") ?? "")) return json(400, { error: "invalid_request" });
    if (query.get("access_type") !== "offline" || query.get("prompt") !== "consent")
      return json(400, { error: "no offline access" });
    const back = new URL(redirect);
    back.searchParams.set("state", fake.modes.state ?? query.get("state") ?? "");
    if (fake.modes.deny) back.searchParams.set("error", "access_denied");
    else {
      const code = `4/fake-${++count}`;
      const challenge = query.get("code_challenge") ?? undefined;
      codes.set(code, {
        email: fake.user.email,
        client: query.get("client_id") ?? "",
        redirect,
        challenge: query.get("code_challenge_method") === "S256" ? challenge : undefined,
        used: false,
      });
      back.searchParams.set("code", code);
      back.searchParams.set("scope", query.get("scope") ?? "");
      back.searchParams.set("authuser", "0");
      back.searchParams.set("prompt", "consent");
    }
    return { status: 302, headers: { location: back.href }, body: "" };
  };

  const redeem = (form: URLSearchParams): Answer => {
    const pending = codes.get(form.get("code") ?? "");
    if (!pending || pending.used) return refusal(400, "invalid_grant", "Malformed auth code.");
    pending.used = true;
    if (pending.client !== form.get("client_id")) return refusal(400, "invalid_grant", "Bad Request");
    if (pending.redirect !== form.get("redirect_uri")) return refusal(400, "redirect_uri_mismatch", "Bad Request");
    const verifier = form.get("code_verifier") ?? "";
    const challenge = createHash("sha256").update(verifier).digest("base64url");
    if (pending.challenge !== undefined && pending.challenge !== challenge)
      return refusal(400, "invalid_grant", "Invalid code verifier.");
    const refresh = newRefreshToken(pending.email, pending.client);
    return json(200, {
      ...tokens(pending.email, pending.client, refresh, fake.modes.lifetime),
      refresh_token: refresh,
    });
  };

  const renew = (form: URLSearchParams): Answer => {
    const token = form.get("refresh_token") ?? "";
    const known = refreshTokens.get(token);
    if (!known) return refusal(400, "invalid_grant", "Token has been expired or revoked.");
    if (known.client !== form.get("client_id")) return refusal(401, "unauthorized_client", "Unauthorized");
    const next = fake.modes.rotate ? newRefreshToken(known.email, known.client) : token;
    if (next !== token) refreshTokens.delete(token);
    const given = tokens(known.email, known.client, next, fake.modes.lifetime);
    return json(200, next === token ? given : { ...given, refresh_token: next });
  };

  const token = (asked: Asked): Answer => {
    const queued = fake.modes.next.shift();
    if (queued) return queued;
    if (!(asked.headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded")) {
      return refusal(400, "invalid_request", "The body is no form.");
    }
    const form = new URLSearchParams(asked.body);
    const secret = fake.clients.get(form.get("client_id") ?? "");
    if (secret === undefined || secret !== form.get("client_secret"))
      return refusal(401, "invalid_client", "The OAuth client was not found.");
    const grant = form.get("grant_type") ?? "";
    fake.grants.push(grant);
    if (grant === "authorization_code") return redeem(form);
    return grant === "refresh_token" ? renew(form) : refusal(400, "unsupported_grant_type");
  };

  const fake: OAuthFake = {
    modes: { deny: false, state: undefined, rotate: false, next: [], lifetime: 3599 },
    clients: new Map(),
    user: { email: "u@example.com" },
    sessions,
    grants: [],
    signedIn(email, client, alive = 3599) {
      const refresh = newRefreshToken(email, client);
      const { expires_in, ...given } = tokens(email, client, refresh, alive);
      return {
        ...given,
        refresh_token: refresh,
        expiry_date: Date.now() + Number(expires_in) * 1000,
        client_id: client,
      };
    },
    revoke: (refreshToken) => void refreshTokens.delete(refreshToken),
    handle(asked) {
      const { method, path } = asked;
      if (path === "/o/oauth2/v2/auth" && method === "GET") return consent(asked);
      if (path === "/token" && method === "POST") return token(asked);
      if (!/^\/oauth2\/v[12]\/userinfo$/.test(path) || method !== "GET") return undefined;
      const session = sessions.get((asked.headers["authorization"] ?? "").replace("Bearer ", ""));
      if (!session || session.expiresAt <= Date.now())
        return json(401, { error: { code: 401, status: "UNAUTHENTICATED", message: "Invalid Credentials" } });
      return json(200, {
        id: "1",
        email: session.email,
        verified_email: true,
        name: "U",
        picture: "https://example.com/u",
      });
    },
  };
  return fake;
}
