/** A proxy with accounts of Google before the fake of it, for whichever provider stands in between. */
import type { AccountFields, AccountStore, Plugin, PluginInput } from "waygate";
import type { TestProxyOptions } from "waygate/testing";
import { chatLab, type ChatLab, type Place } from "../_chat-lab.ts";
import type { Flavor } from "./flavors.ts";
import { createGoogle, type GoogleFake } from "./google.ts";

export interface GoogleLabOptions extends Omit<TestProxyOptions, "plugins"> {
  /** Accounts that have signed in, by e-mail address; more fields of their files. Default: one. */
  readonly accounts?: { readonly [email: string]: { readonly [field: string]: unknown } };
  /** After the provider. */
  readonly plugins?: readonly PluginInput[];
  /** Runs before the proxy starts. */
  before?(place: GooglePlace): Promise<void>;
}

export interface GooglePlace extends Place {
  readonly google: GoogleFake;
}

export interface GoogleLabInit extends GoogleLabOptions {
  /** What the model is called by clients when they name none. */
  readonly model: string;
  readonly flavor: Flavor;
  readonly clientId: string;
  plugin(google: GoogleFake, store: AccountStore): Plugin;
}

export type GoogleLab = ChatLab & GooglePlace;

/** Of every client. */
export const secret = "fake-client-secret";

/** An account's file with a project, so that none has to be looked for. */
export const known = { _proxy_metadata: { project_id: "fancy-words-0a1b2", tier: "FREE", tier_full: "free-tier" } };

export async function googleLab({
  accounts = { "u@example.com": known },
  flavor,
  clientId,
  plugin,
  before,
  ...rest
}: GoogleLabInit): Promise<GoogleLab> {
  const google = await createGoogle({ clients: { [clientId]: secret }, flavor });
  const fieldsOf = ([email, more]: [string, { readonly [field: string]: unknown }]): AccountFields => {
    const { _proxy_metadata: metadata, ...others } = more as { _proxy_metadata?: object };
    const fields = { ...google.oauth.signedIn(email, clientId), ...others, _proxy_metadata: { email, ...metadata } };
    return fields as AccountFields;
  };
  const it = await chatLab({
    ...rest,
    accounts: Object.entries(accounts).map(fieldsOf),
    policies: [],
    plugin: (store) => plugin(google, store),
    ...(before && { before: (place) => before({ ...place, google }) }),
  });
  return {
    ...it,
    google,
    async [Symbol.asyncDispose]() {
      await it[Symbol.asyncDispose]();
      await google[Symbol.asyncDispose]();
    },
  };
}

/** Where the fake's sign-in is. */
export function signInAt({ url }: GoogleFake) {
  return {
    authorizeURL: `${url}/o/oauth2/v2/auth`,
    tokenURL: `${url}/token`,
    userinfoURL: `${url}/oauth2/v2/userinfo`,
    clientSecret: secret,
    onboardPause: 5,
  } as const;
}
