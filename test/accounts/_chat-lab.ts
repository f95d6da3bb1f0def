/** A proxy with accounts of one provider, for whichever fake stands behind it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AccountFields,
  type AccountKind,
  accountStore,
  type AccountStore,
  type Plugin,
  type PluginInput,
} from "waygate";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";
import { createTestProxy, type TestProxy, type TestProxyOptions } from "waygate/testing";

export const clientKey = "client-key";

export interface ChatLabOptions extends Omit<TestProxyOptions, "plugins"> {
  /** What the model is called by clients when they name none. */
  readonly model: string;
  readonly accounts: readonly AccountFields[];
  plugin(store: AccountStore): Plugin;
  /** Before the provider, to see that the order makes no difference. Default: `resilience()` alone. */
  readonly policies?: readonly PluginInput[];
  /** After the provider. */
  readonly plugins?: readonly PluginInput[];
  /** Runs before the proxy starts. */
  before?(place: Place): Promise<void>;
}

/** Where accounts of one kind are kept. */
export interface Place {
  readonly kind: AccountKind;
  readonly store: AccountStore;
  /** The folder with all that is kept. */
  readonly root: string;
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
  /** Of a stream. */
  readonly chunks: readonly Chunk[];
}

export interface Chunk {
  readonly choices: readonly {
    readonly delta: { readonly [field: string]: unknown };
    readonly finish_reason: string | null;
  }[];
  readonly usage?: unknown;
}

export interface ChatLab extends AsyncDisposable, Place {
  readonly proxy: TestProxy;
  /** What is kept, in the order of names. */
  kept(): Promise<readonly AccountFields[]>;
  /** Asks for an answer by a chat completion. */
  ask(body?: { readonly [field: string]: unknown }): Promise<Reply>;
  /** What rests: `a@example.com exhausted`. */
  rests(): readonly string[];
  /** Waits until there are as many credentials. */
  credentials(count: number): Promise<void>;
}

export async function chatLab({
  model,
  accounts,
  plugin: make,
  policies = [resilience()],
  plugins = [],
  before,
  ...rest
}: ChatLabOptions): Promise<ChatLab> {
  const dataDir = await mkdtemp(join(tmpdir(), "waygate-chat-accounts-"));
  const store = accountStore({ dataDir, env: {}, home: dataDir, cwd: dataDir });
  const plugin = make(store);
  const kind = plugin.accounts![0]!;
  for (const fields of accounts) await store.save(kind, fields);
  await before?.({ kind, store, root: dataDir });
  const proxy = await createTestProxy({
    ...rest,
    plugins: [proxyKey({ keys: [clientKey] }), ...policies, plugin, ...plugins],
    dataDir,
    faults: /.*/,
  });
  const { credentials } = proxy.app;
  return {
    proxy,
    kind,
    store,
    root: dataDir,
    kept: async () => (await store.list(kind)).accounts.map(({ fields }) => fields),
    async ask(body = {}) {
      const response = await proxy.chat({ model, ...body }, { headers: { authorization: `Bearer ${clientKey}` } });
      const text = await response.text();
      const json = (text.startsWith("{") ? JSON.parse(text) : {}) as Reply["json"];
      const chunks = text
        .split("\n\n")
        .filter((frame) => frame.startsWith("data: {"))
        .map((frame) => JSON.parse(frame.slice("data: ".length)) as Chunk);
      return { status: response.status, headers: response.headers, text, json, chunks };
    },
    rests: () =>
      credentials.rests().map(({ target, rest: { state } }) => {
        const who = target.credential === undefined ? target.provider : credentials.get(target.credential)?.label;
        return `${who}${target.model === undefined ? "" : `/${target.model}`} ${state}`;
      }),
    async credentials(count) {
      for (let turn = 0; turn < 2000 && credentials.list(kind.provider).length !== count; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
