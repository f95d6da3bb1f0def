/** Accounts of iFlow: signing in with a browser, new tokens and the key with them, the files of other tools. */
import { createHash } from "node:crypto";
import {
  type AccountContext,
  type AccountFields,
  type AccountKind,
  type AccountVariable,
  emailOf,
  type Json,
  ProxyError,
} from "waygate";
import { authorizationCode, type CodeSpec, refreshTokens } from "waygate/plugins/oauth";
import { isObject, textIn, timeIn } from "waygate/plugins/openai-compatible";
import { withKey } from "./key.ts";

/** Of iFlow's command line (CLIProxyAPI, `internal/auth/iflow`). */
const clientId = "10009311001";

export interface IflowAddresses {
  /** Default `https://iflow.cn/oauth`. */
  readonly authorizeURL?: string;
  /** Default `https://iflow.cn/oauth/token`. */
  readonly tokenURL?: string;
  /** Where the key of an account is. Default `https://iflow.cn/api/oauth/getUserInfo`. */
  readonly userinfoURL?: string;
  /** Where a browser ends after a sign-in. Default `https://iflow.cn/oauth/success`. */
  readonly successURL?: string;
  /** Default `https://iflow.cn/oauth/error`. */
  readonly failureURL?: string;
  /** Default: that of iFlow's command line. */
  readonly clientId?: string;
  /** Default `IFLOW_CLIENT_SECRET`. Without it accounts with a key work, and none can be signed in to or renewed. */
  readonly clientSecret?: string;
  /** Of the callback of a login. Default `IFLOW_OAUTH_PORT`, else 11451. */
  readonly port?: number;
}

export interface IflowKind extends IflowAddresses {
  readonly provider: string;
  readonly risk: string;
  readonly proxy?: string;
}

const title = "iFlow";
const variables: readonly AccountVariable[] = [
  { suffix: "_ACCESS_TOKEN", field: "access_token", required: true },
  { suffix: "_REFRESH_TOKEN", field: "refresh_token", required: true },
  { suffix: "_API_KEY", field: "api_key", required: true },
  { suffix: "_EXPIRY_DATE", field: "expiry_date" },
  { suffix: "_EMAIL", field: "_proxy_metadata.email" },
  { suffix: "_TOKEN_TYPE", field: "token_type" },
  { suffix: "_SCOPE", field: "scope" },
];

/** Milliseconds until the key of an account is asked for again when it could not be had with a new token. */
const AGAIN = 10 * 60_000;

export function iflowAccount({ provider, risk, proxy, ...options }: IflowKind): AccountKind {
  const { userinfoURL = "https://iflow.cn/api/oauth/getUserInfo" } = options;
  const secret = (): string | undefined => options.clientSecret ?? (process.env["IFLOW_CLIENT_SECRET"] || undefined);
  const spec = (): CodeSpec => specOf(provider, secret(), options);
  return {
    provider,
    title,
    risk,
    prefix: "IFLOW",
    variables,
    officialFiles: [".iflow/oauth_creds.json"],
    ...(proxy !== undefined && { proxy }),
    identify: identityOf,
    adopt,
    async login(person) {
      const fields = asKept(await authorizationCode(person, spec()));
      return withKey(fields, userinfoURL, person);
    },
    refresh: (fields, context) => renewed(fields, { spec, userinfoURL }, context),
    expiresAt(fields) {
      // Without the means to renew a token its end says nothing: what requests need is the key.
      const canRenew = textIn(fields, "refresh_token") !== undefined && secret() !== undefined;
      return canRenew ? (timeIn(fields["expiry_date"]) ?? 0) : undefined;
    },
    async check(fields, context) {
      const email = emailOf(fields);
      const named = email === undefined ? {} : { email };
      if (textIn(fields, "access_token") === undefined) {
        return { ...named, notes: ["a key without tokens: it can be used until iFlow refuses it"] };
      }
      const { api_key: key } = await withKey(fields, userinfoURL, context);
      const isSame = key === fields["api_key"];
      return {
        ...named,
        notes: [isSame ? "its key is the one kept" : "it has a new key, taken with the next renewal"],
      };
    },
  };
}

function specOf(provider: string, secret: string | undefined, options: IflowAddresses): CodeSpec {
  if (secret === undefined) throw missingSecret();
  const id = options.clientId ?? clientId;
  return {
    provider,
    title,
    clientId: id,
    clientSecret: secret,
    clientAuthentication: "basic",
    authorizeURL: options.authorizeURL ?? "https://iflow.cn/oauth",
    tokenURL: options.tokenURL ?? "https://iflow.cn/oauth/token",
    // The service wants them in the form as well.
    tokenParameters: { client_id: id, client_secret: secret },
    redirectParameter: "redirect",
    parameters: { loginMethod: "phone", type: "phone", response_type: undefined },
    pkce: false,
    unwrap,
    limit: 310_000,
    callback: {
      port: options.port ?? (Number(process.env["IFLOW_OAUTH_PORT"]) || 11451),
      portVariable: "IFLOW_OAUTH_PORT",
      paths: ["/oauth2callback"],
      successURL: options.successURL ?? "https://iflow.cn/oauth/success",
      failureURL: options.failureURL ?? "https://iflow.cn/oauth/error",
    },
  };
}

/** Answers with tokens come as they are or as `{ success, message, data }`. */
function unwrap(body: Json): Json {
  if (!isObject(body) || body["access_token"] !== undefined) return body;
  const { success, message, data } = body;
  if (success !== false) return isObject(data) ? data : body;
  const why = typeof message === "string" && message !== "" ? message.slice(0, 200) : "no reason given";
  throw new ProxyError({
    // Of a sign-in and of a renewal alike: what was brought is not taken.
    kind: "credential_invalid",
    scope: "credential",
    message: `iFlow gave no tokens: ${why}. Sign in again: proxy login iflow`,
  });
}

interface Renewing {
  readonly spec: () => CodeSpec;
  readonly userinfoURL: string;
}

async function renewed(
  fields: AccountFields,
  { spec, userinfoURL }: Renewing,
  context: AccountContext,
): Promise<AccountFields> {
  if (textIn(fields, "refresh_token") === undefined) {
    const message =
      "iFlow: the account has a key and no refresh token, so that nothing can be renewed here. Import it with a new key, or sign in: proxy login iflow";
    throw new ProxyError({ kind: "credential_invalid", scope: "credential", message });
  }
  const tokens = asKept(await refreshTokens(spec(), fields, context));
  try {
    return await withKey(tokens, userinfoURL, context);
  } catch (error) {
    // The old refresh token is used up: the new one must be kept, whatever becomes of the key.
    const why = error instanceof Error ? error.message : String(error);
    context.warn(`iFlow: new tokens, and the key of before, because none could be asked for. ${why}`);
    return { ...tokens, expiry_date: dateOf(context.now() + AGAIN) };
  }
}

/** With its times in words, as the files of this provider have always had them. */
function asKept(fields: AccountFields): AccountFields {
  const end = timeIn(fields["expiry_date"]);
  return end === undefined ? fields : { ...fields, expiry_date: dateOf(end) };
}

function dateOf(time: number): string {
  return new Date(time).toISOString();
}

/** Of iFlow's command line, of LLM-API-Key-Proxy and of CLIProxyAPI; what signed in with a cookie has a key alone. */
function adopt(fields: AccountFields): AccountFields | undefined {
  const { apiKey: _, ...rest } = fields;
  const key = textIn(fields, "api_key") ?? textIn(fields, "apiKey");
  // Without a key it is no account of this service, or one that never worked.
  if (key === undefined || textIn(fields, "client_id") !== undefined) return undefined;
  const end = timeIn(fields["expiry_date"]) ?? timeIn(fields["expired"]);
  return { ...rest, api_key: key, ...(end !== undefined && { expiry_date: dateOf(end) }) };
}

function identityOf(fields: AccountFields): string | undefined {
  const named = emailOf(fields) ?? textIn(fields, "phone");
  if (named !== undefined || textIn(fields, "refresh_token") !== undefined) return named;
  // A key that nothing renews is always the same.
  const key = textIn(fields, "api_key");
  return key === undefined ? undefined : createHash("sha256").update(key).digest("hex").slice(0, 32);
}

function missingSecret(): ProxyError {
  return new ProxyError({
    kind: "credential_invalid",
    scope: "credential",
    message:
      "iFlow: the client secret is missing, so no token can be asked for. It is not ours to ship: set IFLOW_CLIENT_SECRET, or the option clientSecret, to the one in the bundle of iFlow's own command line. Accounts whose file holds an api_key can be imported and used without it: proxy credentials import iflow FILE",
  });
}
