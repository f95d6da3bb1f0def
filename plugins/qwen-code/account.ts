/** Accounts of Qwen Code: signing in on another device, new tokens, the files of this and other tools. */
import type { AccountFields, AccountKind, AccountVariable, LoginPerson } from "waygate";
import { emailOf, withFieldAt } from "waygate";
import { deviceCode, type DeviceSpec, type OAuthRefusal, refreshTokens } from "waygate/plugins/oauth";
import { askAboutAccount, classifyBy, modelIds, parseObject, textIn, timeIn } from "waygate/plugins/openai-compatible";
import { addressIn } from "./address.ts";
import { discontinued, failures } from "./failures.ts";

/** Of qwen-code (QwenLM/qwen-code, `qwenOAuth2.ts`). It is a public one: there is no secret. */
export const clientId = "f0304373b74a44d2b584a3fb70ca9e56";

export interface QwenAddresses {
  /** Default `https://chat.qwen.ai/api/v1/oauth2/device/code`. */
  readonly deviceURL?: string;
  /** Default `https://chat.qwen.ai/api/v1/oauth2/token`. */
  readonly tokenURL?: string;
  /** Default: that of qwen-code. */
  readonly clientId?: string;
  /** Hosts that an account's `resource_url` may name besides `*.qwen.ai` and `*.aliyuncs.com`. */
  readonly allowedHosts?: readonly string[];
}

export interface QwenKind extends QwenAddresses {
  readonly provider: string;
  readonly risk: string;
  readonly proxy?: string;
  /** For accounts that name none. */
  readonly address: string;
}

const variables: readonly AccountVariable[] = [
  { suffix: "_ACCESS_TOKEN", field: "access_token", required: true },
  { suffix: "_REFRESH_TOKEN", field: "refresh_token", required: true },
  { suffix: "_EXPIRY_DATE", field: "expiry_date", number: true },
  { suffix: "_RESOURCE_URL", field: "resource_url" },
  { suffix: "_EMAIL", field: "_proxy_metadata.email" },
];

const title = "Qwen Code";

export function qwenAccount({ provider, risk, proxy, address, allowedHosts, ...addresses }: QwenKind): AccountKind {
  const spec: DeviceSpec = {
    provider,
    title,
    clientId: addresses.clientId ?? clientId,
    deviceURL: addresses.deviceURL ?? "https://chat.qwen.ai/api/v1/oauth2/device/code",
    tokenURL: addresses.tokenURL ?? "https://chat.qwen.ai/api/v1/oauth2/token",
    scopes: ["openid", "profile", "email", "model.completion"],
    needsLogin,
  };
  return {
    provider,
    title,
    risk,
    prefix: "QWEN_CODE",
    variables,
    officialFiles: [".qwen/oauth_creds.json"],
    ...(proxy !== undefined && { proxy }),
    identify: (fields) => emailOf(fields) ?? subjectOf(fields),
    adopt,
    async login(person) {
      // Before the sign-in: nothing that comes from it is kept until this returns.
      const email = person.account ?? (await askForEmail(person));
      const fields = await deviceCode(person, spec);
      return email === undefined ? fields : withFieldAt(fields, "_proxy_metadata.email", email);
    },
    refresh: (fields, context) => refreshTokens(spec, fields, context),
    async check(fields, context) {
      const base = addressIn(fields, allowedHosts) ?? address;
      const headers = { authorization: `Bearer ${textIn(fields, "access_token") ?? ""}` };
      const question = { url: `${base}/models`, headers, title, classify: classifyBy(failures) };
      const models = modelIds(await askAboutAccount(question, context)) ?? [];
      const email = emailOf(fields);
      const notes = [`asks ${new URL(base).host}`, `models: ${models.join(", ") || "none listed"}`];
      return { ...(email !== undefined && { email }), notes };
    },
  };
}

/** Refreshes are refused with 400 and these words when the sign-in is worth nothing any more. */
function needsLogin({ status, error, description }: OAuthRefusal): boolean {
  if (status === 401 || status === 403) return true;
  if (status !== 400) return discontinued.test(description);
  return /^invalid_(?:request|grant|client)$|^unauthorized_client$/.test(error) || /invalid/i.test(description);
}

/** Of qwen-code itself, of LLM-API-Key-Proxy and of CLIProxyAPI. */
function adopt(fields: AccountFields): AccountFields | undefined {
  if (textIn(fields, "access_token") === undefined || textIn(fields, "refresh_token") === undefined) return undefined;
  // Those of other services: Google's name their client, iFlow's have a key besides.
  const named = textIn(fields, "client_id");
  if ((named !== undefined && named !== clientId) || textIn(fields, "api_key") !== undefined) return undefined;
  if (typeof fields["expiry_date"] === "number") return fields;
  // Whoever does not say when the access ends is asked for a new token at once.
  return { ...fields, expiry_date: timeIn(fields["expiry_date"]) ?? timeIn(fields["expired"]) ?? 0 };
}

/** The service tells nobody the address of an account; without one a second sign-in would be a second account. */
async function askForEmail({ ask, signal }: LoginPerson): Promise<string | undefined> {
  if (!ask) return undefined;
  try {
    const said = (
      await ask("E-mail address of the account, by which you tell it from others (- for none)", signal)
    ).trim();
    return said.includes("@") ? said : undefined;
  } catch (error) {
    signal.throwIfAborted();
    // Nobody has said anything, as on an input that has ended: then it goes without.
    if (error instanceof Error) return undefined;
    throw error;
  }
}

/** Who an identity token is of. Its signature is not checked: nothing is granted because of it. */
function subjectOf(fields: AccountFields): string | undefined {
  const payload = textIn(fields, "id_token")?.split(".")[1] ?? "";
  const claims = parseObject(Buffer.from(payload, "base64url").toString());
  return [claims?.["email"], claims?.["sub"]].find((claim) => typeof claim === "string" && claim !== "") as
    | string
    | undefined;
}
