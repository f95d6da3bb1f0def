/** An upstream of chat that people sign in to: accounts are its credentials, beside keys where it has some. */
import {
  type AccountFields,
  type ApiKey,
  type App,
  type Attempt,
  type Credential,
  definePlugin,
  defineProvider,
  expiryOf,
  type HeaderRecord,
  type Plugin,
  type Provider,
  ProxyError,
  type Wire,
} from "waygate";
import type { Account, AccountHolder } from "waygate/plugins/oauth";
import { compatibleWith } from "./compatible.ts";
import { letRestForGood } from "./ended.ts";
import type { OpenAICompatibleOptions } from "./options.ts";

/** The accounts of one provider. */
export interface ChatAccounts {
  readonly holder: AccountHolder;
  /** The key of an account's requests, and where they go. Throws `unusableAccount` for an account that has none. */
  keyOf(fields: AccountFields): ApiKey;
  /** More headers of a request that is complete, for keys as for accounts: its signature, for one. */
  sign?(wire: Wire, attempt: Attempt<ApiKey | Account>): HeaderRecord;
  /** What the upstream says when it has ended its service for a credential: that is not asked, and not renewed, any more. */
  readonly ended?: RegExp;
}

const unusable = "account_unusable";

/** For people, without secrets. The account rests until somebody signs in to it again or wakes it by hand. */
export function unusableAccount(message: string): ProxyError {
  return new ProxyError({ kind: "credential_invalid", scope: "credential", code: unusable, message });
}

/** Milliseconds a token must last for a call that is no client's. */
const LEAST = 60_000;

/** Throws like `openaiCompatible`. */
export function openaiCompatibleAccounts<const Name extends string, const Model extends string = string>(
  options: OpenAICompatibleOptions<Name, Model>,
  accounts: ChatAccounts,
): Plugin<readonly [Provider<Name, Model, ApiKey | Account>]> {
  const { name } = options;
  const { holder, ended } = accounts;
  const [{ expiresAt }] = holder.accounts;
  const apps = new Set<App>();
  // The headers of a key are made once for each object that holds one.
  const keys = new WeakMap<AccountFields, ApiKey>();
  const keyIn = (fields: AccountFields): ApiKey => {
    let key = keys.get(fields);
    if (!key) keys.set(fields, (key = accounts.keyOf(fields)));
    return key;
  };
  const appOf = ({ id }: Credential): App | undefined =>
    [...apps].find(({ credentials }) => credentials.get(id) !== undefined);

  const plugin = compatibleWith(options, {
    keyFor(attempt) {
      if (!isAccount(attempt.credential.data)) return undefined;
      const fields = holder.fresh(attempt as Attempt<Account>);
      return fields instanceof Promise ? fields.then(keyIn) : keyIn(fields);
    },
    async lastingKey(credential, signal) {
      const app = appOf(credential);
      const data = app?.credentials.get(credential.id)?.data ?? credential.data;
      if (!isAccount(data)) return undefined;
      const ends = expiryOf({ ...(expiresAt && { expiresAt }) }, data.fields);
      if (!app || ends === undefined || ends - app.runtime.clock.now() > LEAST) return keyIn(data.fields);
      signal.throwIfAborted();
      const renewed = await app.credentials.refresh(credential);
      return keyIn((renewed.data as Account).fields);
    },
  });
  const [inner] = plugin.providers!;
  const usual = inner as Provider<string, string, ApiKey | Account> as Provider<Name, Model, ApiKey | Account>;
  const provider = defineProvider<Name, Model, ApiKey | Account>({
    ...usual,
    prepare(wire, attempt) {
      const made = usual.prepare(wire, attempt);
      if (!accounts.sign) return made;
      const signed = (each: Wire): Wire => ({
        ...each,
        headers: { ...each.headers, ...accounts.sign!(each, attempt) },
      });
      return made instanceof Promise ? made.then(signed) : signed(made);
    },
    async refresh(credential, signal) {
      const rest = appOf(credential)?.credentials.restOf({ provider: name, credential: credential.id });
      if (rest?.state === "invalid" && rest.policy === name) throw refused(rest.reason);
      if (isAccount(credential.data)) return holder.refresh(credential as Credential<Account>, signal);
      throw refused("It is a key, and keys are not renewed.");
    },
  });

  return definePlugin({
    ...plugin,
    accounts: holder.accounts,
    providers: [provider],
    hooks: {
      fail: {
        // Before anybody asks for a new token, which would be of no use.
        order: "pre",
        handler(error, attempt) {
          if (attempt.provider.name !== name) return;
          const isEnded = ended?.test(error.message) === true || ended?.test(error.upstream?.body ?? "") === true;
          if (isEnded || error.code === unusable) letRestForGood(error, attempt);
        },
      },
    },
    async setup(app) {
      apps.add(app);
      await plugin.setup?.(app);
      await holder.setup(app);
    },
    ready: (app) => holder.ready(app),
    async close(app) {
      apps.delete(app);
      await plugin.close?.(app);
      await holder.close(app);
    },
  });
}

function isAccount(data: unknown): data is Account {
  return typeof data === "object" && data !== null && "fields" in data;
}

function refused(message: string): ProxyError {
  return new ProxyError({ kind: "credential_invalid", scope: "credential", message });
}
