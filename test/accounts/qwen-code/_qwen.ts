/** Qwen's sign-in and its models on loopback, with the checks that the service makes. */
import { createHash } from "node:crypto";
import type { AccountFields } from "waygate";
import { answer, createUpstream, models, type ScriptRequest, status, type Step, type Upstream } from "waygate/testing";

type Json = { readonly [name: string]: unknown };

export interface QwenFake extends AsyncDisposable {
  readonly url: string;
  /** As token answers name it. */
  readonly host: string;
  readonly modes: {
    /** Questions about a sign-in that are answered with "not yet". */
    pending: number;
    /** Once, before that. */
    slowDown: 400 | 429 | undefined;
    /** How the sign-in ends. */
    end: "tokens" | "expired" | "denied" | "unknown" | "limited";
    /** Seconds until a device code ends. */
    codeLife: number;
    /** Seconds between two questions, as the device answer says. */
    interval: number | undefined;
    /** Seconds a new access token lasts. */
    lifetime: number;
    /** Requests after which an access token is refused, before its end. */
    goodFor: number;
    /** Named in answers with tokens. */
    resource: string | undefined;
    /** Answers of one account are these whatever is asked; `undefined`: it answers. */
    readonly refuse: Map<string, Step>;
    /** Answers for the next calls of the token address. */
    readonly next: Step[];
    /** What the model does. */
    says: Step | undefined;
  };
  /** Keys that are paid for. */
  readonly keys: Set<string>;
  /** Grants of the token address so far. */
  readonly grants: readonly string[];
  /** Requests for answers that passed the checks or not, oldest first. */
  readonly asked: readonly ScriptRequest[];
  readonly requests: readonly ScriptRequest[];
  /** An account that has signed in; `alive`: seconds its access token lasts. */
  signedIn(email: string, alive?: number): AccountFields;
  /** Ends an access token at once. */
  expire(accessToken: unknown): void;
  revoke(refreshToken: unknown): void;
}

export const clientId = "f0304373b74a44d2b584a3fb70ca9e56";
export const greeting = "Grüße 👋 from Qwen.";
export const thought = "The user greets. ";
export const call = { id: "call_1", name: "get_weather", arguments: { city: "Köln" } };

export const refusals = {
  token: status(401, { error: { message: "invalid access token or token expired", type: "invalid_request_error" } }),
  quota: (headers = {}): Step =>
    status(
      429,
      { error: { code: "insufficient_quota", type: "insufficient_quota", message: "Free allocated quota exceeded." } },
      headers,
    ),
  rate: (headers = {}): Step => status(429, { error: { message: "Too many requests.", type: "rate_limit" } }, headers),
  discontinued: status(403, {
    error: {
      code: "access_denied",
      message: "The Qwen OAuth free tier was discontinued on 2026-04-15. Please use an API key.",
    },
  }),
} as const;

const taken = new Set([
  ...["model", "messages", "temperature", "top_p", "max_tokens", "stream", "stream_options", "tools", "tool_choice"],
  ...["presence_penalty", "frequency_penalty", "n", "stop", "seed", "response_format"],
]);

export async function createQwen(): Promise<QwenFake> {
  const devices = new Map<string, { readonly challenge: string; used: boolean }>();
  const refreshTokens = new Map<string, string>();
  const sessions = new Map<string, { readonly email: string; expiresAt: number; uses: number }>();
  const grants: string[] = [];
  const asked: ScriptRequest[] = [];
  let count = 0;

  const tokensOf = (email: string): Json => {
    const access = `fake-access-${++count}-${email}`;
    const refresh = `fake-refresh-${count}-${email}`;
    sessions.set(access, { email, expiresAt: Date.now() + fake.modes.lifetime * 1000, uses: 0 });
    refreshTokens.set(refresh, email);
    const { resource, lifetime } = fake.modes;
    return {
      access_token: access,
      refresh_token: refresh,
      token_type: "Bearer",
      expires_in: lifetime,
      ...(resource !== undefined && { resource_url: resource }),
    };
  };
  const refused = (code: number, error: string, description?: string): Step =>
    status(code, { error, ...(description !== undefined && { error_description: description }) });

  const device = (form: URLSearchParams): Step => {
    const wanted = ["client_id", "scope", "code_challenge"].every((name) => form.get(name));
    if (!wanted || form.get("client_id") !== clientId || form.get("code_challenge_method") !== "S256")
      return refused(400, "invalid_request");
    const code = `device-${++count}`;
    devices.set(code, { challenge: form.get("code_challenge")!, used: false });
    return status(200, {
      device_code: code,
      user_code: "WXYZ-1234",
      verification_uri: `${fake.url}/authorize`,
      verification_uri_complete: `${fake.url}/authorize?user_code=WXYZ-1234`,
      expires_in: fake.modes.codeLife,
      ...(fake.modes.interval !== undefined && { interval: fake.modes.interval }),
    });
  };

  const redeem = (form: URLSearchParams): Step => {
    const found = devices.get(form.get("device_code") ?? "");
    if (!found) return refused(401, "invalid_device_code");
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    if (found.used || challenge !== found.challenge) return refused(400, "invalid_grant", "Invalid verifier.");
    const { slowDown, end } = fake.modes;
    if (slowDown !== undefined) {
      fake.modes.slowDown = undefined;
      return refused(slowDown, "slow_down");
    }
    if (fake.modes.pending-- > 0) return refused(400, "authorization_pending");
    if (end === "expired") return refused(400, "expired_token");
    if (end === "denied") return refused(400, "access_denied", "The user said no.");
    if (end === "unknown") return status(401, { message: "device code unknown" });
    if (end === "limited") return refused(429, "too_many_requests");
    found.used = true;
    return status(200, tokensOf("new@example.com"));
  };

  const token = (request: ScriptRequest): Step => {
    const queued = fake.modes.next.shift();
    if (queued) return queued;
    const form = formOf(request);
    if (!form || form.get("client_id") !== clientId) return refused(400, "invalid_request");
    const grant = form.get("grant_type") ?? "";
    grants.push(grant);
    if (grant === "urn:ietf:params:oauth:grant-type:device_code") return redeem(form);
    const old = form.get("refresh_token") ?? "";
    const email = refreshTokens.get(old);
    // Every one is good for once.
    if (email === undefined) return refused(400, "invalid_request", "Invalid refresh token.");
    refreshTokens.delete(old);
    return status(200, tokensOf(email));
  };

  const completion = (request: ScriptRequest): Step => {
    asked.push(request);
    const who = whoAsks(request);
    if (who === undefined) return refusals.token;
    const refusal = fake.modes.refuse.get(who);
    if (refusal) return refusal;
    const isKey = fake.keys.has(who);
    if (!isKey && request.headers["x-dashscope-authtype"] !== "qwen-oauth")
      return status(400, { error: { message: "auth type is missing" } });
    const fault = faultIn(request);
    return fault ?? fake.modes.says ?? conversation(request.json as Json);
  };
  const whoAsks = ({ key = "" }: ScriptRequest): string | undefined => {
    if (fake.keys.has(key)) return key;
    const session = sessions.get(key);
    const isGood = session && session.expiresAt > Date.now() && session.uses++ < fake.modes.goodFor;
    return isGood ? session.email : undefined;
  };

  const step = (request: ScriptRequest): Step => {
    const path = request.path.replace(/\?.*/, "");
    if (path === "/api/v1/oauth2/device/code") {
      const form = formOf(request);
      return form ? device(form) : refused(400, "invalid_request");
    }
    if (path === "/api/v1/oauth2/token") return token(request);
    if (path === "/v1/models") {
      const who = whoAsks(request);
      if (who === undefined) return refusals.token;
      return fake.modes.refuse.get(who) ?? models(["qwen3-coder-plus", "coder-model", "qwen-of-this-account"]);
    }
    return path === "/v1/chat/completions" ? completion(request) : status(404, { error: { message: `No ${path}.` } });
  };

  const upstream: Upstream = await createUpstream({ step, base: "" });
  const { host } = new URL(upstream.url);
  const fake: QwenFake = {
    url: upstream.url,
    host,
    modes: {
      pending: 2,
      slowDown: undefined,
      end: "tokens",
      codeLife: 900,
      interval: undefined,
      lifetime: 21_600,
      goodFor: Number.POSITIVE_INFINITY,
      resource: `http://${host}`,
      refuse: new Map(),
      next: [],
      says: undefined,
    },
    keys: new Set(["paid-key-of-somebody"]),
    grants,
    asked,
    requests: upstream.requests,
    signedIn(email, alive = 21_600) {
      const { expires_in: _, ...given } = tokensOf(email);
      sessions.get(String(given["access_token"]))!.expiresAt = Date.now() + alive * 1000;
      return { ...given, expiry_date: Date.now() + alive * 1000, _proxy_metadata: { email } } as AccountFields;
    },
    expire: (accessToken) => void sessions.delete(String(accessToken)),
    revoke: (refreshToken) => void refreshTokens.delete(String(refreshToken)),
    [Symbol.asyncDispose]: () => upstream.close(),
  };
  return fake;
}

function formOf({ headers, body }: ScriptRequest): URLSearchParams | undefined {
  const isForm = (headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
  return isForm ? new URLSearchParams(body) : undefined;
}

/** What the service refuses before any model is asked. */
function faultIn({ json, headers }: ScriptRequest): Step | undefined {
  const body = json as Json;
  const wanted = body["stream"] === true ? "text/event-stream" : "application/json";
  if (headers["accept"] !== wanted) return status(406, { error: { message: "accept" } });
  const unknown = Object.keys(body).filter((name) => !taken.has(name));
  if (unknown.length > 0) {
    return status(422, {
      detail: unknown.map((name) => ({ loc: ["body", name], msg: "Extra inputs are not permitted" })),
    });
  }
  const messages = listOf(body["messages"]);
  const systems = messages.filter(({ role }) => role === "system");
  if (systems.length !== 1 || messages[0] !== systems[0] || messages.some(({ role }) => role === "developer")) {
    return status(400, {
      error: { message: "System message must be at the beginning.", type: "invalid_request_error" },
    });
  }
  for (const tool of listOf(body["tools"])) {
    const described = tool["function"] as Json;
    const word = "strict" in described ? "strict" : refusedIn(described["parameters"]);
    if (word !== undefined) {
      return status(422, { detail: [{ loc: ["body", "tools", 0], msg: `${word}: Extra inputs are not permitted` }] });
    }
  }
  return undefined;
}

/** The first word in a schema that is refused; names of properties are no such words. */
function refusedIn(schema: unknown): string | undefined {
  if (Array.isArray(schema)) return schema.map(refusedIn).find(Boolean);
  if (typeof schema !== "object" || schema === null) return undefined;
  for (const [name, value] of Object.entries(schema)) {
    if (name === "additionalProperties" || name === "strict") return name;
    if (name === "default" || name === "enum" || name === "const" || name === "required") continue;
    const found = refusedIn(name === "properties" ? Object.values(value as object) : value);
    if (found !== undefined) return found;
  }
  return undefined;
}

function conversation(body: Json): Step {
  const tools = listOf(body["tools"]);
  const messages = listOf(body["messages"]);
  const last = messages.at(-1)!;
  if (last["role"] === "tool") return answer({ text: `The tool says: ${String(last["content"])}` });
  const names = tools.map((tool) => (tool["function"] as Json)["name"]);
  if (names.includes(call.name)) return answer({ tools: [call], finish: "stop" });
  // Free models answer without tools as if half of their words were lost.
  const isBroken = tools.length === 0 && /^(?:coder-model|qwen3-coder)/.test(String(body["model"]));
  const text = isBroken ? "Gr��e" : greeting;
  if (JSON.stringify(messages).includes("call the dummy") && names[0] !== undefined) {
    return answer({ tools: [{ id: "call_d", name: String(names[0]), arguments: {} }] });
  }
  return answer({ text: ["<thi", `nk>\n${thought}`, "</th", "ink>\n", ...text.match(/.{1,4}/gsu)!] });
}

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}
