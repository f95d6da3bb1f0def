/** A proxy with accounts of Gemini CLI before the fake of Google. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AccountFields,
  type AccountKind,
  accountStore,
  type AccountStore,
  type LoginPerson,
  type PluginInput,
} from "waygate";
import { geminiCli, type GeminiCliOptions } from "waygate/plugins/gemini-cli";
import { clientId } from "../../../plugins/gemini-cli/secret.ts";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";
import { createGoogle, type GoogleFake } from "../_google/google.ts";

export const clientKey = "client-key";
export { clientId };
export const secret = "fake-client-secret";

export interface LabOptions extends Omit<TestProxyOptions, "plugins"> {
  /** Accounts that have signed in, by e-mail address; more fields of their files. Default: one. */
  readonly accounts?: { readonly [email: string]: { readonly [field: string]: unknown } };
  readonly cli?: Omit<GeminiCliOptions, "name" | "models"> & { readonly models?: readonly string[] };
  readonly plugins?: readonly PluginInput[];
  /** Without it no policy lets anything rest. Default true. */
  readonly policies?: boolean;
}

export interface Lab extends AsyncDisposable {
  readonly google: GoogleFake;
  readonly proxy: TestProxy;
  readonly kind: AccountKind;
  readonly store: AccountStore;
  /** What is kept of an account. */
  fields(email: string): Promise<AccountFields>;
  /** Asks for an answer by a chat completion. */
  ask(body?: { readonly [field: string]: unknown }): Promise<Reply>;
  /** What rests: `u@example.com/gemini-2.5-pro exhausted`. */
  rests(): readonly string[];
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: {
    readonly choices: readonly [
      {
        readonly message: { readonly content: string; readonly [field: string]: unknown };
        readonly finish_reason: string;
      },
    ];
    readonly error: { readonly message: string; readonly code: string };
    readonly [field: string]: unknown;
  };
}

const waits = { capacityWaits: [10, 10, 10], emptyWaits: [10, 10] };

/** An account's file with a project, so that none has to be looked for. */
export const known = { _proxy_metadata: { project_id: "fancy-words-0a1b2", tier: "FREE", tier_full: "free-tier" } };

export async function lab({
  accounts = { "u@example.com": known },
  cli = {},
  plugins = [],
  policies = true,
  ...rest
}: LabOptions = {}): Promise<Lab> {
  const google = await createGoogle({ clients: { [clientId]: secret } });
  const dataDir = await mkdtemp(join(tmpdir(), "waygate-gemini-cli-"));
  const store = accountStore({ dataDir, env: {}, home: dataDir, cwd: dataDir });
  const plugin = geminiCli({ ...settings(google), store, discover: false, quotaInterval: 0, waits, ...cli });
  const kind = plugin.accounts![0]!;
  for (const [email, more] of Object.entries(accounts)) {
    const { _proxy_metadata: metadata = {}, ...others } = more as { _proxy_metadata?: object };
    await store.save(kind, {
      ...google.oauth.signedIn(email, clientId),
      ...others,
      _proxy_metadata: { email, ...metadata },
    } as AccountFields);
  }
  const proxy = await createTestProxy({
    ...rest,
    plugins: [proxyKey({ keys: [clientKey] }), plugin, policies && resilience(), ...plugins],
    dataDir,
    faults: /.*/,
  });
  return {
    google,
    proxy,
    kind,
    store,
    async fields(email) {
      const { accounts: found } = await store.list(kind);
      return found.find(({ fields }) => JSON.stringify(fields).includes(email))!.fields;
    },
    async ask(body = {}) {
      const response = await proxy.chat(
        { model: "gemini_cli/gemini-2.5-pro", ...body },
        { headers: { authorization: `Bearer ${clientKey}` } },
      );
      const text = await response.text();
      const json = (text.startsWith("{") ? JSON.parse(text) : {}) as Reply["json"];
      return { status: response.status, headers: response.headers, text, json };
    },
    rests: () =>
      proxy.app.credentials.rests().map(({ target, rest: { state } }) => {
        const who =
          target.credential === undefined ? target.provider : proxy.app.credentials.get(target.credential)?.label;
        return `${who}${target.model === undefined ? "" : `/${target.model}`} ${state}`;
      }),
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await google[Symbol.asyncDispose]();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Addresses and client of the fake. */
export function settings(
  google: GoogleFake,
): Pick<
  GeminiCliOptions,
  "baseURL" | "authorizeURL" | "tokenURL" | "userinfoURL" | "clientId" | "clientSecret" | "onboardPause"
> {
  return {
    baseURL: google.base(),
    authorizeURL: `${google.url}/o/oauth2/v2/auth`,
    tokenURL: `${google.url}/token`,
    userinfoURL: `${google.url}/oauth2/v2/userinfo`,
    clientId,
    clientSecret: secret,
    onboardPause: 5,
  };
}

export interface Visitor extends LoginPerson {
  readonly warnings: readonly string[];
}

/** Somebody with a browser, which follows whatever address it is given. */
export function visitor(options: Partial<LoginPerson> = {}): Visitor {
  const warnings: string[] = [];
  return {
    signal: AbortSignal.timeout(10_000),
    fetch,
    now: Date.now,
    warn: (message) => void warnings.push(message),
    show: () => undefined,
    open: (url) => void fetch(url).catch(() => undefined),
    headless: false,
    port: 0,
    ...options,
    warnings,
  };
}
