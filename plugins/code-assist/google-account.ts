/** Accounts that sign in at Google: as one client or another, for the same service. */
import {
  type AccountContext,
  type AccountFacts,
  type AccountFields,
  type AccountKind,
  emailOf,
  type Json,
  ProxyError,
} from "waygate";
import { authorizationCode, type CallbackSpec, type CodeSpec, refreshTokens } from "waygate/plugins/oauth";
import { parseObject } from "waygate/plugins/openai-compatible";
import { accountIdentity, accountVariables, emailIn, learnt, textOf, withLearnt } from "./account.ts";
import type { CodeAssistService } from "./options.ts";
import type { ControlPlane } from "./project.ts";
import { lookFor, withFound } from "./projects.ts";
import { quotaNote } from "./quota.ts";

/** Where Google signs people in (Google Identity docs, "OAuth 2.0 for desktop apps"). */
export interface GoogleAddresses {
  /** Default `https://accounts.google.com/o/oauth2/v2/auth`. */
  readonly authorizeURL?: string;
  /** Default `https://oauth2.googleapis.com/token`. */
  readonly tokenURL?: string;
  /** Default `https://www.googleapis.com/oauth2/v2/userinfo`. */
  readonly userinfoURL?: string;
}

export interface GoogleClient extends Pick<AccountKind, "provider" | "title" | "risk" | "prefix" | "officialFiles"> {
  readonly clientId: string;
  /** Throws a `ProxyError` that says where to get it. */
  clientSecret(): string;
  /** Of accounts of other providers, whose tokens are worth nothing here. */
  readonly foreignClients?: readonly string[];
  /** The last part of each, behind `https://www.googleapis.com/auth/`. */
  readonly scopes: readonly string[];
  readonly addresses: GoogleAddresses;
  readonly callback: CallbackSpec;
  readonly pasteRedirect?: string;
  readonly plane: ControlPlane;
  readonly project: () => string | undefined;
  readonly quota?: CodeAssistService["quota"];
  /** Puts the fields of other tools' files into ours, before anything else is looked at. */
  adopt?(fields: AccountFields): AccountFields | undefined;
}

const scopeBase = "https://www.googleapis.com/auth/";

export function googleAccount(client: GoogleClient): AccountKind {
  const { provider, title, risk, prefix, officialFiles, plane, addresses } = client;
  const {
    authorizeURL = "https://accounts.google.com/o/oauth2/v2/auth",
    tokenURL,
    userinfoURL = "https://www.googleapis.com/oauth2/v2/userinfo",
  } = addresses;

  const specFor = (fields: AccountFields): CodeSpec => {
    const clientId = textOf(fields, "client_id") ?? client.clientId;
    return {
      provider,
      title,
      clientId,
      clientSecret: textOf(fields, "client_secret") ?? secretFor(client, clientId),
      tokenURL: tokenURL ?? textOf(fields, "token_uri") ?? "https://oauth2.googleapis.com/token",
      authorizeURL,
      scopes: client.scopes.map((scope) => scopeBase + scope),
      // Google gives a refresh token at the first consent only, unless it is asked for consent again.
      parameters: { access_type: "offline", prompt: "consent" },
      callback: client.callback,
      ...(client.pasteRedirect !== undefined && { pasteRedirect: client.pasteRedirect }),
    };
  };

  return {
    provider,
    title,
    risk,
    prefix,
    variables: accountVariables,
    officialFiles,
    identify: accountIdentity,
    adopt(fields) {
      const own = client.adopt ? client.adopt(fields) : fields;
      if (!own || textOf(own, "refresh_token") === undefined) return undefined;
      // A refresh token is of use to the client only that it was given to.
      if (client.foreignClients?.includes(textOf(own, "client_id") ?? "")) return undefined;
      return withEmail(withExpiry(own), emailOf(own) ?? emailIn(textOf(own, "id_token")));
    },
    async login(person) {
      const signedIn = await authorizationCode(person, specFor({}));
      const fields = { ...signedIn, client_id: client.clientId };
      const email = emailIn(textOf(fields, "id_token")) ?? (await addressOf(userinfoURL, fields, person));
      const named = withEmail(fields, email);
      try {
        return withFound(named, await lookFor({ plane, fields: named, configured: client.project() }, person));
      } catch (error) {
        person.signal.throwIfAborted();
        // The sign-in itself was good, and whatever is wrong may be put right without another one.
        if (!ProxyError.is(error)) throw error;
        person.warn(`${title}: signed in, but the account cannot be used yet. ${error.message}`);
        return named;
      }
    },
    refresh: async (fields, context) => refreshTokens(specFor(fields), fields, context),
    check: (fields, context) => factsOf(client, fields, context),
  };
}

function secretFor({ provider, title, clientId, clientSecret }: GoogleClient, used: string): string {
  if (used === clientId) return clientSecret();
  throw new ProxyError({
    kind: "credential_invalid",
    scope: "credential",
    message: `${title}: the account was signed in to as another client (${used}), whose secret its file does not hold. Sign in again: proxy login ${provider}`,
  });
}

function withEmail(fields: AccountFields, email: string | undefined): AccountFields {
  return email === undefined || learnt(fields, "email") === email ? fields : withLearnt(fields, { email });
}

/** Files of other tools say in words when the access ends. */
function withExpiry(fields: AccountFields): AccountFields {
  if (typeof fields["expiry_date"] === "number") return fields;
  const end = [fields["token_expiry"], fields["expired"], fields["expiry"]]
    .map(timeIn)
    .find((time) => time !== undefined);
  // Whoever does not say is asked for a new token at once.
  return { ...fields, expiry_date: end ?? 0 };
}

function timeIn(value: Json | undefined): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** `undefined` where it cannot be told: the account is good without a name. */
async function addressOf(
  url: string,
  fields: AccountFields,
  { fetch, signal }: AccountContext,
): Promise<string | undefined> {
  try {
    const headers = { authorization: `Bearer ${textOf(fields, "access_token") ?? ""}` };
    const email = parseObject(await (await fetch(url, { headers, signal })).text())?.["email"];
    return typeof email === "string" && email !== "" ? email : undefined;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function factsOf(
  { plane, project: configured, quota }: GoogleClient,
  fields: AccountFields,
  context: AccountContext,
): Promise<AccountFacts> {
  const email = emailOf(fields);
  const { project, tier } = await lookFor({ plane, fields, configured: configured() }, context);
  const ask = { fetch: context.fetch, signal: context.signal, token: textOf(fields, "access_token") ?? "" };
  // What is kept is what requests use.
  const used = learnt(fields, "project_id") ?? project;
  const readings = quota ? await quota(ask, { project: used }) : [];
  return {
    ...(email !== undefined && { email }),
    ...(tier !== undefined && { tier }),
    project: used,
    notes: readings.map(quotaNote),
  };
}
