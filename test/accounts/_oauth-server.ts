/** An authorization server on loopback that checks what real ones check. */
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the token address does instead of its work, once per entry; `undefined` in the list: its work. */
export interface TokenTrouble {
  readonly status: number;
  readonly body?: unknown;
  /** In place of `body`. */
  readonly text?: string;
  readonly headers?: { readonly [name: string]: string };
  /** Milliseconds before the answer. */
  readonly delay?: number;
  /** The connection is cut without an answer. */
  readonly cut?: boolean;
}

export interface OAuthServerOptions {
  readonly clientId?: string;
  /** Default: the client has none. */
  readonly clientSecret?: string;
  /** How the secret must come. Default `post`. */
  readonly authentication?: "post" | "basic";
  /** What the authorize address calls the address of the callback. Default `redirect_uri`. */
  readonly redirectParameter?: string;
  /** Refuses logins without PKCE. Default true. */
  readonly requirePkce?: boolean;
  /** What a refresh does with the refresh token: none in the reply, or a new one and the old one is refused. Default `keep`. */
  readonly refreshTokens?: "keep" | "rotate";
  /** Seconds. Default 3599. */
  readonly expiresIn?: number;
  /** More fields of every answer with tokens. */
  readonly extra?: { readonly [name: string]: unknown };
  /** The answer of `authorize`: with a code, or with this error. */
  readonly authorizeError?: string;
  /** Wraps answers with tokens. */
  readonly wrap?: (tokens: object) => unknown;
  readonly email?: string;
  /** Of the device flow: seconds, and what the token address says before the tokens. */
  readonly device?: {
    readonly interval?: number | string;
    readonly expiresIn?: number;
    readonly answers?: readonly TokenTrouble[];
  };
  /** Milliseconds every refresh takes. Default 0. */
  readonly refreshDelay?: number;
}

export interface Form {
  readonly [name: string]: string;
}

export interface OAuthServer {
  readonly origin: string;
  readonly authorizeURL: string;
  readonly tokenURL: string;
  readonly deviceURL: string;
  readonly userinfoURL: string;
  /** Forms that came to the token address, in order. */
  readonly forms: readonly (Form & { readonly authorization?: string })[];
  /** Queries that came to the authorize address. */
  readonly logins: readonly Form[];
  /** Refreshes answered with tokens. */
  readonly refreshes: number;
  /** What the next calls of the token address get. */
  trouble(...next: readonly (TokenTrouble | undefined)[]): void;
  /** Gives out tokens without a login: those of an account that was signed in to before. */
  issue(subject?: string): { readonly access_token: string; readonly refresh_token: string };
  /** From now on the refresh tokens given out so far are refused with `invalid_grant`. */
  revoke(): void;
  /** True for a token given out last for its subject. */
  accepts(accessToken: string): boolean;
  /** Milliseconds a refresh takes from now on. */
  slow(ms: number): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface Grant {
  readonly redirectURI: string;
  readonly challenge: string | undefined;
  readonly subject: string;
}

/** Starts one on a free port. */
export async function oauthServer(options: OAuthServerOptions = {}): Promise<OAuthServer> {
  const { clientId = "client-1", clientSecret, authentication = "post", expiresIn = 3599 } = options;
  const { redirectParameter = "redirect_uri", requirePkce = true, refreshTokens = "keep" } = options;
  const forms: (Form & { readonly authorization?: string })[] = [];
  const logins: Form[] = [];
  const codes = new Map<string, Grant>();
  const devices = new Map<string, { readonly challenge: string | undefined; asked: number }>();
  const refreshable = new Map<string, string>();
  const access = new Map<string, string>();
  const latest = new Map<string, string>();
  let next: (TokenTrouble | undefined)[] = [];
  let refreshes = 0;
  let delay = options.refreshDelay ?? 0;

  const newTokens = (subject: string): { access_token: string; refresh_token: string } => {
    const tokens = { access_token: `fake-access-${unique()}`, refresh_token: `fake-refresh-${unique()}` };
    access.set(tokens.access_token, subject);
    latest.set(subject, tokens.access_token);
    refreshable.set(tokens.refresh_token, subject);
    return tokens;
  };
  const tokensFor = (subject: string): object => {
    const tokens = {
      ...newTokens(subject),
      expires_in: expiresIn,
      token_type: "Bearer",
      scope: "one two",
      id_token: "fake.jwt.value",
      ...options.extra,
    };
    return options.wrap ? (options.wrap(tokens) as object) : tokens;
  };

  const authorize = (url: URL, response: ServerResponse): void => {
    const query = Object.fromEntries(url.searchParams);
    logins.push(query);
    const redirectURI = query[redirectParameter];
    if (query["client_id"] !== clientId || redirectURI === undefined) {
      send(response, 400, { error: "invalid_request" });
      return;
    }
    const back = new URL(redirectURI);
    if (query["state"] !== undefined) back.searchParams.set("state", query["state"]);
    if (requirePkce && (query["code_challenge"] === undefined || query["code_challenge_method"] !== "S256")) {
      back.searchParams.set("error", "invalid_request");
    } else if (options.authorizeError !== undefined) back.searchParams.set("error", options.authorizeError);
    else {
      const code = `4/${unique()}`;
      codes.set(code, { redirectURI, challenge: query["code_challenge"], subject: `subject-${codes.size + 1}` });
      back.searchParams.set("code", code);
      back.searchParams.set("scope", query["scope"] ?? "");
    }
    response.writeHead(302, { location: back.href }).end();
  };

  /** The client's own proof. */
  const isClient = (form: Form, authorization: string | undefined): boolean => {
    if (clientSecret === undefined) return form["client_id"] === clientId;
    if (authentication === "post") return form["client_id"] === clientId && form["client_secret"] === clientSecret;
    return authorization === `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}`;
  };

  const redeem = (form: Form): readonly [number, unknown] => {
    const grant = codes.get(form["code"] ?? "");
    codes.delete(form["code"] ?? "");
    const isProven = grant?.challenge === undefined || grant.challenge === challengeOf(form["code_verifier"] ?? "");
    if (!grant || !isProven || form["redirect_uri"] !== grant.redirectURI) return [400, { error: "invalid_grant" }];
    return [200, tokensFor(grant.subject)];
  };
  const refresh = (form: Form): readonly [number, unknown] => {
    const old = form["refresh_token"] ?? "";
    const subject = refreshable.get(old);
    if (subject === undefined) {
      return [400, { error: "invalid_grant", error_description: "Token has been expired or revoked." }];
    }
    refreshes++;
    const tokens = tokensFor(subject) as { refresh_token?: string };
    if (refreshTokens === "rotate") {
      refreshable.delete(old);
      return [200, tokens];
    }
    refreshable.delete(tokens.refresh_token ?? "");
    return [200, { ...tokens, refresh_token: undefined }];
  };
  const pollDevice = (form: Form): readonly [number, unknown] => {
    const device = devices.get(form["device_code"] ?? "");
    if (!device) return [401, { error: "expired_token" }];
    const answer = options.device?.answers?.[device.asked++];
    if (answer) return [answer.status, answer.body];
    if (device.challenge !== undefined && device.challenge !== challengeOf(form["code_verifier"] ?? "")) {
      return [400, { error: "invalid_grant" }];
    }
    devices.delete(form["device_code"] ?? "");
    return [200, tokensFor("device")];
  };

  const token = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const form = await formOf(request);
    const { authorization } = request.headers;
    forms.push(authorization === undefined ? form : { ...form, authorization });
    const trouble = next.shift();
    if (trouble?.delay !== undefined) await sleep(trouble.delay);
    if (trouble?.cut) {
      request.socket.destroy();
      return;
    }
    if (trouble) {
      if (trouble.text === undefined) send(response, trouble.status, trouble.body ?? {}, trouble.headers);
      else response.writeHead(trouble.status, { ...trouble.headers }).end(trouble.text);
      return;
    }
    if (request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded") !== true) {
      send(response, 415, { error: "invalid_request" });
      return;
    }
    if (!isClient(form, authorization)) {
      send(response, 401, { error: "invalid_client" });
      return;
    }
    const grants: { readonly [grant: string]: (form: Form) => readonly [number, unknown] } = {
      authorization_code: redeem,
      refresh_token: refresh,
      "urn:ietf:params:oauth:grant-type:device_code": pollDevice,
    };
    const grant = grants[form["grant_type"] ?? ""];
    if (grant === refresh && delay > 0) await sleep(delay);
    send(response, ...(grant?.(form) ?? ([400, { error: "unsupported_grant_type" }] as const)));
  };

  const authorizeDevice = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const form = await formOf(request);
    if (form["client_id"] !== clientId) {
      send(response, 401, { error: "invalid_client" });
      return;
    }
    const code = `device-${unique()}`;
    devices.set(code, { challenge: form["code_challenge"], asked: 0 });
    const { interval, expiresIn: lasts = 600 } = options.device ?? {};
    send(response, 200, {
      device_code: code,
      user_code: "WDJB-MJHT",
      verification_uri: `${origin}/device`,
      verification_uri_complete: `${origin}/device?user_code=WDJB-MJHT`,
      expires_in: lasts,
      interval,
    });
  };

  const userinfo = (request: IncomingMessage, response: ServerResponse): void => {
    const subject = access.get(request.headers.authorization?.replace("Bearer ", "") ?? "");
    if (subject === undefined) send(response, 401, { error: { code: 401, status: "UNAUTHENTICATED" } });
    else send(response, 200, { id: subject, email: options.email ?? `${subject}@example.com`, verified_email: true });
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (url.pathname === "/o/oauth2/v2/auth") authorize(url, response);
    else if (url.pathname === "/token") void token(request, response);
    else if (url.pathname === "/device/code") void authorizeDevice(request, response);
    else if (/^\/oauth2\/v[12]\/userinfo$/.test(url.pathname)) userinfo(request, response);
    else send(response, 404, { error: "not_found" });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };

  return {
    origin,
    authorizeURL: `${origin}/o/oauth2/v2/auth`,
    tokenURL: `${origin}/token`,
    deviceURL: `${origin}/device/code`,
    userinfoURL: `${origin}/oauth2/v1/userinfo`,
    forms,
    logins,
    get refreshes() {
      return refreshes;
    },
    trouble: (...given) => void (next = [...next, ...given]),
    issue: (subject = "subject-0") => newTokens(subject),
    revoke: () => refreshable.clear(),
    accepts: (accessToken) => latest.get(access.get(accessToken) ?? "") === accessToken,
    slow: (ms) => void (delay = ms),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function unique(): string {
  return randomBytes(6).toString("hex");
}

function challengeOf(verifier: string): string {
  return createHash("sha256").update(verifier).digest("base64url");
}

async function formOf(request: IncomingMessage): Promise<Form> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: { readonly [name: string]: string } = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
