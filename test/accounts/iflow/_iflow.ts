/** iFlow's sign-in and its models on loopback, with the checks that the service makes. */
import { createHmac } from "node:crypto";
import type { AccountFields } from "waygate";
import { answer, createUpstream, models, type ScriptRequest, status, type Step, type Upstream } from "waygate/testing";

type Json = { readonly [name: string]: unknown };

export interface IflowFake extends AsyncDisposable {
  readonly url: string;
  readonly modes: {
    /** The person says no. */
    deny: boolean;
    /** What comes back in place of the state that was sent. */
    state: string | undefined;
    /** Answers with tokens are in an envelope. */
    wrap: boolean;
    /** Seconds a new access token lasts; absent in answers when `undefined`. */
    lifetime: number | undefined;
    /** Who signs in. */
    user: { readonly email: string; readonly phone: string };
    /** Answers for the next calls of the token address, and of the one with the key. */
    readonly nextToken: Step[];
    readonly nextUser: Step[];
    /** Answers of one key's account, by its name; `undefined`: it answers. */
    readonly refuse: Map<string, Step>;
    /** How a key that is not good any more is refused. */
    wrongKey: Step;
    /** Of its clock, in epoch milliseconds. */
    now: () => number;
    says: Step | undefined;
  };
  /** The key of an account now. */
  keyOf(name: string): string;
  /** Makes another key of it. */
  renewKey(name: string): void;
  /** Keys that belong to no account. */
  readonly keys: Set<string>;
  readonly grants: readonly string[];
  readonly asked: readonly ScriptRequest[];
  readonly requests: readonly ScriptRequest[];
  /** An account that has signed in; `alive`: seconds its access token lasts. */
  signedIn(email: string, alive?: number): AccountFields;
  revoke(refreshToken: unknown): void;
}

export const clientId = "10009311001";
export const secret = "fake-secret-of-a-test";
export const greeting = "你好 👋 from iFlow.";
export const thought = "The user greets. ";
export const call = { id: "call_1", name: "get_weather", arguments: { city: "Köln" } };

/** As the service answers, with 200: the failure is in the body. */
export function inBody(code: number, message: string): Step {
  return status(200, { status: String(code), msg: message, body: null, success: false });
}

export async function createIflow(): Promise<IflowFake> {
  const codes = new Map<string, { readonly redirect: string; used: boolean }>();
  const refreshTokens = new Map<string, string>();
  const sessions = new Map<string, string>();
  const keys = new Map<string, string>();
  const grants: string[] = [];
  const asked: ScriptRequest[] = [];
  let count = 0;

  const nameOf = ({ email, phone }: IflowFake["modes"]["user"]): string => email || phone;
  const tokensOf = (name: string): Json => {
    const access = `fake-access-${++count}-${name}`;
    const refresh = `fake-refresh-${count}-${name}`;
    sessions.set(access, name);
    refreshTokens.set(refresh, name);
    const { lifetime } = fake.modes;
    return {
      access_token: access,
      refresh_token: refresh,
      token_type: "bearer",
      scope: "read write",
      ...(lifetime !== undefined && { expires_in: lifetime }),
    };
  };
  const refused = (code: number, error: string): Step => status(code, { error });
  const given = (tokens: Json): Step =>
    status(200, fake.modes.wrap ? { success: true, message: "ok", data: tokens } : tokens);

  const authorize = (query: URLSearchParams): Step => {
    const redirect = query.get("redirect") ?? "";
    const isWhole = query.get("loginMethod") === "phone" && query.get("type") === "phone" && query.get("state");
    const isOther = ["redirect_uri", "response_type", "code_challenge"].some((name) => query.has(name));
    if (!isWhole || isOther || query.get("client_id") !== clientId || !URL.canParse(redirect))
      return status(400, "<html>bad request</html>");
    const back = new URL(redirect);
    back.searchParams.set("state", fake.modes.state ?? query.get("state")!);
    if (fake.modes.deny) back.searchParams.set("error", "access_denied");
    else {
      const code = `code-${++count}`;
      codes.set(code, { redirect, used: false });
      back.searchParams.set("code", code);
    }
    return status(302, undefined, { location: back.href });
  };

  const token = (request: ScriptRequest): Step => {
    const queued = fake.modes.nextToken.shift();
    if (queued) return queued;
    const isForm = (request.headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
    if (request.method !== "POST" || !isForm) return refused(400, "invalid_request");
    const form = new URLSearchParams(request.body);
    const basic = `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}`;
    const isClient = form.getAll("client_id").join() === clientId && form.getAll("client_secret").join() === secret;
    if (request.headers["authorization"] !== basic || !isClient) return refused(401, "invalid_client");
    const grant = form.get("grant_type") ?? "";
    grants.push(grant);
    if (grant === "authorization_code") {
      const found = codes.get(form.get("code") ?? "");
      if (!found || found.used || found.redirect !== form.get("redirect_uri")) return refused(400, "invalid_grant");
      found.used = true;
      return given(tokensOf(nameOf(fake.modes.user)));
    }
    const old = form.get("refresh_token") ?? "";
    const name = refreshTokens.get(old);
    // Every one is good for once.
    if (grant !== "refresh_token" || name === undefined) return refused(400, "invalid_grant");
    refreshTokens.delete(old);
    fake.renewKey(name);
    return given(tokensOf(name));
  };

  const userInfo = (query: URLSearchParams): Step => {
    const queued = fake.modes.nextUser.shift();
    if (queued) return queued;
    const name = sessions.get(query.get("accessToken") ?? "");
    if (name === undefined)
      return status(200, { success: false, code: "401", message: "token is invalid", data: null });
    const { user } = fake.modes;
    const named = nameOf(user) === name ? user : { email: name, phone: "" };
    return status(200, { success: true, data: { apiKey: fake.keyOf(name), ...named } });
  };

  const completion = (request: ScriptRequest): Step => {
    asked.push(request);
    const { headers, key = "" } = request;
    const session = headers["session-id"] ?? "";
    const time = headers["x-iflow-timestamp"] ?? "";
    const signed = createHmac("sha256", key).update(`iFlow-Cli:${session}:${time}`).digest("hex");
    const isFresh = Math.abs(fake.modes.now() - Number(time)) < 300_000;
    if (!/^session-[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(session) || !isFresh)
      return status(403, { message: "session or timestamp is wrong" });
    if (headers["user-agent"] !== "iFlow-Cli" || headers["x-iflow-signature"] !== signed)
      return status(403, { message: "signature mismatch" });
    const name = [...keys].find(([, each]) => each === key)?.[0] ?? (fake.keys.has(key) ? key : undefined);
    if (name === undefined) return fake.modes.wrongKey;
    const refusal = fake.modes.refuse.get(name);
    if (refusal) return refusal;
    return faultIn(request) ?? fake.modes.says ?? conversation(request.json as Json);
  };

  const step = (request: ScriptRequest): Step => {
    const { pathname, searchParams } = new URL(request.path, "http://localhost");
    if (pathname === "/oauth") return authorize(searchParams);
    if (pathname === "/oauth/token") return token(request);
    if (pathname === "/api/oauth/getUserInfo") return userInfo(searchParams);
    if (/^\/oauth\/(?:success|error)$/.test(pathname)) return status(200, `<html>${pathname}</html>`);
    if (pathname === "/v1/models") return models(["glm-4.6", "iflow-new"]);
    return pathname === "/v1/chat/completions" ? completion(request) : status(404, "");
  };

  const upstream: Upstream = await createUpstream({ step, base: "" });
  const fake: IflowFake = {
    url: upstream.url,
    modes: {
      deny: false,
      state: undefined,
      wrap: false,
      lifetime: 172_800,
      user: { email: "new@example.com", phone: "" },
      nextToken: [],
      nextUser: [],
      refuse: new Map(),
      wrongKey: status(401, ""),
      now: Date.now,
      says: undefined,
    },
    keyOf(name) {
      if (!keys.has(name)) fake.renewKey(name);
      return keys.get(name)!;
    },
    renewKey: (name) => void keys.set(name, `sk-fake-${++count}-${name}`),
    keys: new Set(["plain-key-of-somebody"]),
    grants,
    asked,
    requests: upstream.requests,
    signedIn(email, alive = 172_800) {
      const { expires_in: _, ...tokens } = tokensOf(email);
      return {
        ...tokens,
        api_key: fake.keyOf(email),
        email,
        expiry_date: new Date(Date.now() + alive * 1000).toISOString(),
        _proxy_metadata: { email, last_check_timestamp: 5, credential_type: "oauth" },
      } as AccountFields;
    },
    revoke: (refreshToken) => void refreshTokens.delete(String(refreshToken)),
    [Symbol.asyncDispose]: () => upstream.close(),
  };
  return fake;
}

/** What the service refuses before any model is asked. */
function faultIn({ json: body, headers }: ScriptRequest): Step | undefined {
  if ("stream_options" in body) return status(406, "");
  const wanted = body["stream"] === true ? "text/event-stream" : "application/json";
  if (headers["accept"] !== wanted) return status(406, { message: "accept" });
  if ("reasoning_effort" in body) return status(400, { message: "reasoning_effort is unknown" });
  if (Array.isArray(body["tools"]) && body["tools"].length === 0) return status(400, { message: "tools is empty" });
  const model = String(body["model"]);
  const template = body["chat_template_kwargs"] as Json | undefined;
  const takesTemplate = /^(?:glm-4\.[67]|qwen3-max-preview|deepseek-v3\.[12])$/.test(model);
  if (template && (!takesTemplate || typeof template["enable_thinking"] !== "boolean"))
    return status(400, { message: "chat_template_kwargs is wrong" });
  const split = body["reasoning_split"];
  if (split !== undefined && (!/^minimax-m2(?:\.1)?$/.test(model) || typeof split !== "boolean"))
    return status(400, { message: "reasoning_split is wrong" });
  const isOther = listOf(body["messages"]).some(({ role }) => role === "developer");
  return isOther ? status(400, { message: "unknown role" }) : undefined;
}

function conversation(body: Json): Step {
  const messages = listOf(body["messages"]);
  const last = messages.at(-1)!;
  if (last["role"] === "tool") return answer({ text: `The tool says: ${String(last["content"])}`, usageIn: "choices" });
  const names = listOf(body["tools"]).map((tool) => (tool["function"] as Json)["name"]);
  if (names.includes(call.name))
    return answer({ reasoning: thought, tools: [call], finish: "stop", usageIn: "choices" });
  if (JSON.stringify(messages).includes("call the dummy"))
    return answer({ tools: [{ id: "call_d", name: String(names[0]) }], usageIn: "choices" });
  return answer({ reasoning: thought, text: greeting, usageIn: "choices" }, { noSpace: true });
}

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? (value as Json[]) : [];
}
