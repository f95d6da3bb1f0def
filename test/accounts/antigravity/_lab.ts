/** A proxy with accounts of Antigravity before the fake of Google. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AccountFields,
  type AccountKind,
  accountStore,
  type AccountStore,
  type JsonObject,
  type LoginPerson,
  type PluginInput,
} from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { antigravity, type AntigravityOptions } from "waygate/plugins/antigravity";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";
import { clientId } from "../../../plugins/antigravity/secret.ts";
import { type QuotaFake, withQuotas } from "../_google/antigravity.ts";
import { flavors } from "../_google/flavors.ts";
import { createGoogle, type GoogleFake } from "../_google/google.ts";

export const clientKey = "client-key";
export { clientId };
export const secret = "fake-client-secret";

export interface LabOptions extends Omit<TestProxyOptions, "plugins"> {
  /** Accounts that have signed in, by e-mail address; more fields of their files. Default: one. */
  readonly accounts?: { readonly [email: string]: { readonly [field: string]: unknown } };
  /** True: the one account signs in with a browser before the proxy starts. */
  readonly login?: boolean;
  readonly options?: Omit<AntigravityOptions, "name" | "models"> & { readonly models?: readonly string[] };
  readonly plugins?: readonly PluginInput[];
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

export interface Lab extends AsyncDisposable {
  readonly google: GoogleFake;
  readonly quota: QuotaFake;
  readonly proxy: TestProxy;
  readonly kind: AccountKind;
  readonly store: AccountStore;
  /** Asks for an answer by a chat completion. */
  ask(body?: { readonly [field: string]: unknown }): Promise<Reply>;
  /** The same in Google's own protocol. */
  generate(model: string, body: JsonObject, method?: string): Promise<Response>;
  /** The latest request of the Gemini protocol that came to the service. */
  readonly sent: { readonly [field: string]: never };
  /** What rests: `u@example.com/gemini-3-flash exhausted`. */
  rests(): readonly string[];
}

/** An account's file with a project, so that none has to be looked for. */
export const known = { _proxy_metadata: { project_id: "fancy-words-0a1b2", tier: "FREE", tier_full: "free-tier" } };

export async function lab({
  accounts = { "u@example.com": known },
  options = {},
  plugins = [],
  login = false,
  ...rest
}: LabOptions = {}): Promise<Lab> {
  const google = await createGoogle({ clients: { [clientId]: secret }, flavor: flavors.antigravity });
  const quota = withQuotas(google);
  const dataDir = await mkdtemp(join(tmpdir(), "waygate-antigravity-"));
  const store = accountStore({ dataDir, env: {}, home: dataDir, cwd: dataDir });
  const plugin = antigravity({ ...settings(google), store, discover: false, quotaInterval: 0, ...options });
  const kind = plugin.accounts![0]!;
  for (const [email, more] of Object.entries(accounts)) {
    const { _proxy_metadata: metadata = {}, ...others } = more as { _proxy_metadata?: object };
    await store.save(kind, {
      ...google.oauth.signedIn(email, clientId),
      ...others,
      _proxy_metadata: { email, ...metadata },
    } as AccountFields);
  }
  if (login) await store.save(kind, await kind.login(visitor()));
  const proxy = await createTestProxy({
    ...rest,
    plugins: [proxyKey({ keys: [clientKey] }), plugin, cooldown(), ...plugins],
    dataDir,
    faults: /.*/,
  });
  return {
    google,
    quota,
    proxy,
    kind,
    store,
    async ask(body = {}) {
      const headers = { authorization: `Bearer ${clientKey}` };
      const response = await proxy.chat({ model: "antigravity/gemini-3-flash", ...body }, { headers });
      const text = await response.text();
      const json = (text.startsWith("{") ? JSON.parse(text) : {}) as Reply["json"];
      return { status: response.status, headers: response.headers, text, json };
    },
    generate: (model, body, method = "generateContent") =>
      proxy.fetch(`/v1beta/models/${encodeURIComponent(`antigravity/${model}`)}:${method}`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-goog-api-key": clientKey },
        body: JSON.stringify(body),
      }),
    get sent() {
      return google.generated.at(-1)!.request as { readonly [field: string]: never };
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

/** Addresses and client of the fake; no waits worth the name. */
export function settings(google: GoogleFake) {
  return {
    baseURL: [google.base("daily"), google.base("prod")],
    authorizeURL: `${google.url}/o/oauth2/v2/auth`,
    tokenURL: `${google.url}/token`,
    userinfoURL: `${google.url}/oauth2/v2/userinfo`,
    clientId,
    clientSecret: secret,
    onboardPause: 5,
    emptyWaits: [5, 5],
    callPause: 5,
  } as const;
}

/** A declaration of a chat completion. */
export function tool(name: string, parameters?: JsonObject): JsonObject {
  return { type: "function", function: { name, description: `Does ${name}.`, ...(parameters && { parameters }) } };
}

export const city: JsonObject = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
};

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
