/** Stored accounts as the credentials of a running proxy. */
import type { AccountKind, App } from "waygate";
import type { Account, AccountHolder, AccountHolderOptions } from "./holder-types.ts";
import { createKeeper, type Keeper } from "./keeper.ts";

/**
 * Accounts in the environment and in files become credentials, and stay as the files are while the proxy runs. Tokens are
 * renewed ahead of their end, once for all requests and all processes that share the file, and also while the account's
 * quota is used up; an account that needs a login rests as `invalid` until its file changes.
 */
export function accountHolder(kind: AccountKind, options: AccountHolderOptions = {}): AccountHolder {
  // The same plugin may be part of several proxies.
  const keepers = new WeakMap<App, Keeper>();
  const owners = new WeakMap<Account, Keeper>();
  const keeperOf = (app: App): Keeper => {
    const keeper = keepers.get(app);
    if (keeper) return keeper;
    throw new Error(`The accounts of ${kind.provider} are used by an app in which they were not set up.`);
  };

  return {
    accounts: [kind],
    async setup(app) {
      app.log.warn(`${kind.title}: ${kind.risk}`);
      const keeper = createKeeper({ kind, options, app, own: (account) => owners.set(account, keeper) });
      keepers.set(app, keeper);
      await keeper.load();
    },
    ready: (app) => keeperOf(app).start(),
    close: async (app) => keepers.get(app)?.stop(),
    refresh({ data }, signal) {
      const keeper = owners.get(data);
      if (keeper) return keeper.replace(data, signal);
      return Promise.reject(new Error(`This credential of ${kind.provider} is no account that was loaded.`));
    },
    fresh(attempt) {
      const { data } = attempt.credential;
      return owners.get(data)?.fresh(data, attempt) ?? data.fields;
    },
    current: ({ data }, signal) => owners.get(data)?.current(data, signal) ?? data.fields,
    context: (app, signal) => keeperOf(app).context(signal),
    save: (app, credential, change) => keeperOf(app).save(credential.id, change),
  };
}
