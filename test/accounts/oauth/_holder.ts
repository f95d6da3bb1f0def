/** An account holder in a proxy on virtual time, over a store in memory or on the disk. */
import { setImmediate as turn } from "node:timers/promises";
import { onTestFinished } from "vitest";
import {
  type AccountContext,
  type AccountFields,
  type AccountKind,
  type Attempt,
  type Credential,
  ProxyError,
  type StoredAccount,
} from "waygate";
import { type Account, accountHolder, type AccountHolder, type AccountHolderOptions } from "waygate/plugins/oauth";
import { type FakeApp, fakeApp, fakeProvider, noon } from "../../plugins/_fakes.ts";
import { fakeKind } from "../_kind.ts";

export type Refresh = (fields: AccountFields, context: AccountContext) => Promise<AccountFields>;
type Store = NonNullable<Exclude<AccountHolderOptions["store"], (...given: never[]) => unknown>>;

export const minute: number = 60_000;
export const provider = "fake_cli";

/** Tokens `at-<name>-<n>`, which last so many minutes from noon. */
export function account(name: string, minutes: number, n = 0): AccountFields {
  return {
    access_token: `at-${name}-${n}`,
    refresh_token: `rt-${name}-${n}`,
    expiry_date: noon + minutes * minute,
    email: `${name}@example.com`,
  };
}

/** The next tokens, for another hour; the refresh token rotates. */
export function next(fields: AccountFields, now: number, minutes = 60): AccountFields {
  const [kind, name, n] = String(fields["access_token"]).split("-");
  const count = Number(n) + 1;
  return {
    ...fields,
    access_token: `${kind}-${name}-${count}`,
    refresh_token: `rt-${name}-${count}`,
    expiry_date: now + minutes * minute,
  };
}

export interface MemoryStore extends Store {
  readonly files: Map<string, AccountFields>;
  /** Says whether writing fails, and how. */
  failing?: Error | undefined;
}

export function memoryStore(fields: { readonly [name: string]: AccountFields }): MemoryStore {
  const files = new Map(Object.entries(fields));
  const turns = new Map<string, Promise<unknown>>();
  const stored = (name: string): StoredAccount => ({
    provider,
    name,
    origin: { kind: "file", path: `/accounts/${name}.json` },
    fields: files.get(name)!,
  });
  const store: MemoryStore = {
    files,
    list: async () => ({ accounts: [...files.keys()].map(stored), broken: [] }),
    watched: () => [],
    async update(_kind, { name }, change) {
      const before = turns.get(name) ?? Promise.resolve();
      const mine = before
        .catch(() => {})
        .then(async () => {
          const current = files.get(name);
          if (!current) throw new Error("The file is gone.");
          const result = await change(current);
          if (result === current) return stored(name);
          if (store.failing) throw store.failing;
          files.set(name, { ...current, ...result });
          return stored(name);
        });
      turns.set(name, mine);
      return mine;
    },
  };
  return store;
}

export interface Bench {
  readonly app: FakeApp;
  readonly holder: AccountHolder;
  /** Names of the accounts refreshed, in order; emptied by reading. */
  asked(): string;
  credential(name: string): Credential<Account> | undefined;
  /** The access token in use. */
  token(name: string): string;
  attempt(name: string, more?: Partial<Attempt<Account>>): Attempt<Account>;
  /** Rests as `name state reason`. */
  rests(): readonly string[];
  /** Lets time pass in steps of a second until the condition holds, files included. */
  until(condition: () => boolean): Promise<void>;
}

export interface BenchInit extends AccountHolderOptions {
  readonly store: NonNullable<AccountHolderOptions["store"]>;
  readonly refresh?: Refresh;
  readonly kind?: Partial<AccountKind>;
  readonly app?: FakeApp;
  readonly started?: boolean;
}

/** Accounts of a provider in a proxy at noon, started; closed after the test. */
export async function bench({ refresh, kind, started = true, ...init }: BenchInit): Promise<Bench> {
  const { app = fakeApp({ providers: [fakeProvider(provider)] }), ...options } = init;
  let asked: string[] = [];
  const usual: Refresh = async (fields, context) => next(fields, context.now());
  const holder = accountHolder(
    fakeKind(provider, {
      ...kind,
      async refresh(fields, context) {
        asked.push(String(fields["access_token"]).split("-")[1] ?? "");
        return (refresh ?? usual)(fields, context);
      },
    }),
    options,
  );
  await holder.setup(app);
  if (started) holder.ready(app);
  onTestFinished(() => holder.close(app));
  const credential = (name: string): Credential<Account> | undefined =>
    app.credentials.list(provider).find(({ label }) => label === `${name}@example.com`) as Credential<Account>;
  return {
    app,
    holder,
    credential,
    asked() {
      const names = asked.join(" ");
      asked = [];
      return names;
    },
    token: (name) => String(credential(name)?.data.fields["access_token"]),
    attempt: (name, more) =>
      ({
        credential: credential(name),
        signal: new AbortController().signal,
        startedAt: app.clock.now(),
        ctx: { app, attempts: [] },
        ...more,
      }) as unknown as Attempt<Account>,
    rests: () =>
      app.credentials.rests().map(({ target, rest }) => {
        const label = app.credentials.get(target.credential ?? "")?.label?.split("@")[0] ?? target.provider;
        return `${label} ${rest.state} ${rest.reason}`;
      }),
    async until(condition) {
      // The disk takes real time, and on a busy machine a lot of it.
      const end = performance.now() + 10_000;
      for (let seconds = 0; !condition(); seconds++) {
        if (performance.now() > end) throw new Error("It did not come to pass.");
        await app.clock.advance(seconds % 10 === 0 ? 1000 : 0);
        await turn();
      }
    },
  };
}

export const revoked = (): ProxyError =>
  new ProxyError({
    kind: "credential_invalid",
    scope: "credential",
    message: "Fake: invalid_grant. Sign in again: proxy login fake_cli",
  });

export const down = (): ProxyError =>
  new ProxyError({ kind: "overloaded", scope: "credential", message: "Fake: status 503." });
