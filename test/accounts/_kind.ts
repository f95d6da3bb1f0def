/** A made-up provider with accounts, and folders to keep them in. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { accountStore, type AccountStore, type AccountStoreOptions } from "../../src/accounts/store.ts";
import type { AccountFields, AccountKind } from "../../src/accounts/types.ts";

/** Tells accounts apart by e-mail address; `client` of another provider is refused. */
export function fakeKind(provider = "fake_cli", changes: Partial<AccountKind> = {}): AccountKind {
  return {
    provider,
    title: `The ${provider}`,
    risk: "It may stop any day.",
    prefix: provider.toUpperCase(),
    variables: [
      { suffix: "_ACCESS_TOKEN", field: "access_token", required: true },
      { suffix: "_REFRESH_TOKEN", field: "refresh_token", required: true },
      { suffix: "_EXPIRY_DATE", field: "expiry_date", number: true },
      { suffix: "_SCOPE", field: "scope" },
      { suffix: "_EMAIL", field: "_proxy_metadata.email" },
      { suffix: "_PROJECT_ID", field: "_proxy_metadata.project_id" },
    ],
    officialFiles: [`.${provider}/oauth_creds.json`],
    identify(fields) {
      const metadata = fields["_proxy_metadata"] as AccountFields | undefined;
      const email = metadata?.["email"] ?? fields["email"];
      return typeof email === "string" ? email : undefined;
    },
    adopt(fields) {
      if (typeof fields["client"] === "string" && fields["client"] !== provider) return undefined;
      const { token, ...others } = fields;
      const flat = { ...others, ...(token as AccountFields | undefined) };
      return typeof flat["access_token"] === "string" && typeof flat["refresh_token"] === "string" ? flat : undefined;
    },
    login: () => Promise.reject(new Error("not in this test")),
    refresh: () => Promise.reject(new Error("not in this test")),
    check: () => Promise.resolve({}),
    ...changes,
  };
}

export function fieldsOf(email: string | undefined, more: AccountFields = {}): AccountFields {
  return {
    access_token: `at-${email ?? "nobody"}`,
    refresh_token: `rt-${email ?? "nobody"}`,
    expiry_date: 1_800_000_000_000,
    ...(email === undefined ? {} : { _proxy_metadata: { email } }),
    ...more,
  };
}

/** A folder with these files, removed after the test. */
export function folder(files: { readonly [path: string]: string | object } = {}): string {
  const root = mkdtempSync(join(tmpdir(), "waygate-accounts-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
  }
  return root;
}

/** With the folder as working folder and home, and nothing of the environment of the tests. */
export function storeIn(root: string, options: Partial<AccountStoreOptions> = {}): AccountStore {
  return accountStore({ dataDir: ".waygate", cwd: root, home: join(root, "home"), env: {}, ...options });
}
