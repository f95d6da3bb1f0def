import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { AccountFields } from "../../src/accounts/types.ts";
import { fakeKind, fieldsOf, folder, storeIn } from "./_kind.ts";

const kind = fakeKind();
const own = ".waygate/credentials/fake_cli";

describe("importing a file", () => {
  test("of the provider's own tool copies it, unknown fields included, and leaves the file", async () => {
    const fields = fieldsOf("mia@example.com", { id_token: "x.y.z", theirs: [1, { a: null }] });
    const root = folder({ "home/.fake_cli/oauth_creds.json": fields });
    const [imported] = await storeIn(root).importFile(kind, "~/.fake_cli/oauth_creds.json");
    expect(imported).toMatchObject({ outcome: "added", account: { name: "mia", fields } });
    expect(JSON.parse(readFileSync(join(root, own, "mia.json"), "utf8"))).toEqual(fields);
    expect(statSync(join(root, own, "mia.json")).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(join(root, "home/.fake_cli/oauth_creds.json"), "utf8"))).toEqual(fields);
  });

  test("of the seed makes the account independent of that folder", async () => {
    const root = folder({ "oauth_creds/fake_cli_oauth_1.json": fieldsOf("mia@example.com") });
    const store = storeIn(root);
    expect(await store.importFile(kind, "oauth_creds/fake_cli_oauth_1.json")).toMatchObject([{ outcome: "added" }]);
    expect((await store.list(kind)).accounts.map(({ name }) => name)).toEqual(["mia"]);
  });

  test("of CLIProxyAPI goes through what the provider knows of it", async () => {
    const root = folder({ "fake-mia.json": { type: "fake", email: "mia@example.com", token: fieldsOf(undefined) } });
    const [imported] = await storeIn(root).importFile(kind, "fake-mia.json");
    expect(imported!.account.fields).toEqual({ type: "fake", email: "mia@example.com", ...fieldsOf(undefined) });
  });

  test("that holds an account we have keeps ours, unless the file's lasts longer or is wanted all the same", async () => {
    const root = folder({ [`${own}/mia.json`]: fieldsOf("mia@example.com", { expiry_date: 100, ours: true }) });
    const store = storeIn(root);
    const importing = async (expiry: number, replace = false): Promise<readonly [string, unknown]> => {
      const fields = fieldsOf("Mia@Example.com", { expiry_date: expiry, access_token: `at-${expiry}` });
      writeFileSync(join(root, "x.json"), JSON.stringify(fields));
      const [{ outcome, account } = { outcome: "none", account: undefined }] = await store.importFile(kind, "x.json", {
        replace,
      });
      return [outcome, account?.fields["access_token"]];
    };
    expect(await importing(100)).toEqual(["kept", "at-mia@example.com"]);
    expect(await importing(99)).toEqual(["kept", "at-mia@example.com"]);
    expect(await importing(200)).toEqual(["renewed", "at-200"]);
    expect(await importing(50, true)).toEqual(["renewed", "at-50"]);
    expect(readdirSync(join(root, own))).toEqual(["mia.json"]);
    expect((await store.list(kind)).accounts[0]!.fields["ours"]).toBe(true);
  });

  test("of variables takes every account in it", async () => {
    const root = folder({
      "fake_cli_2_eva_at_example_com.env": [
        "\uFEFF# exported",
        "FAKE_CLI_2_ACCESS_TOKEN=a2",
        'FAKE_CLI_2_REFRESH_TOKEN="r2 # not a note"',
        "FAKE_CLI_2_EMAIL=eva@example.com",
        "export FAKE_CLI_3_ACCESS_TOKEN='a3'",
        "FAKE_CLI_3_REFRESH_TOKEN=r3",
        "OTHER_CLI_1_ACCESS_TOKEN=no",
      ].join("\r\n"),
    });
    const imported = await storeIn(root).importFile(kind, "fake_cli_2_eva_at_example_com.env");
    expect(imported.map(({ outcome }) => outcome)).toEqual(["added", "added"]);
    expect(imported.map(({ account }) => [account.fields["refresh_token"], account.origin.kind])).toEqual([
      ["r2 # not a note", "file"],
      ["r3", "file"],
    ]);
  });

  test.each([
    ["oauth_creds/other_cli_oauth_1.json", JSON.stringify(fieldsOf("a@b.c")), /account of other_cli, not of fake_cli/],
    [".waygate/credentials/other_cli/mia.json", JSON.stringify(fieldsOf("a@b.c")), /account of other_cli/],
    ["other_cli_credential_1.env", "FAKE_CLI_1_ACCESS_TOKEN=x", /account of other_cli/],
    ["creds.json", JSON.stringify(fieldsOf("a@b.c", { client: "other_cli" })), /no account of fake_cli/],
    ["qwen.json", JSON.stringify(fieldsOf("a@b.c", { type: "qwen" })), /account of\s+qwen_code/],
    ["mine.env", "OTHER_CLI_1_ACCESS_TOKEN=x", /None of its variables begins with FAKE_CLI_/],
    ["half.env", "FAKE_CLI_1_ACCESS_TOKEN=x", /FAKE_CLI_1_REFRESH_TOKEN: Of an account[^]*only a\s+part/],
    ["cut.json", JSON.stringify(fieldsOf("a@b.c")).slice(0, 50), /only the beginning/],
  ])("of another provider or without a whole account is refused: %s", async (path, text, message) => {
    const root = folder({ [path]: text });
    const error: unknown = await storeIn(root)
      .importFile(kind, path)
      .catch((reason: unknown) => reason);
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain("at-a@b.c");
    expect((await storeIn(root).list(kind)).accounts).toEqual([]);
  });

  test("that is not there is told", async () => {
    const store = storeIn(folder());
    await expect(store.importFile(kind, "nothing.json")).rejects.toThrow(/account_gone[^]*not there/);
    await expect(store.importFile(kind, "nothing.env")).rejects.toThrow(/no such file/);
  });
});

describe("discovering", () => {
  test("finds what official tools, the seed, CLIProxyAPI and exports have left, and says what is new", async () => {
    const root = folder({
      [`${own}/mia.json`]: fieldsOf("mia@example.com"),
      "home/.fake_cli/oauth_creds.json": fieldsOf("mia@example.com", { access_token: "other" }),
      "oauth_creds/fake_cli_oauth_1.json": fieldsOf("seed@example.com"),
      "oauth_creds/fake_cli_oauth_2.json": "{",
      "vault/x.json": fieldsOf("var@example.com"),
      "home/.cli-proxy-api/fake.json": { type: "fake", email: "cpa@example.com", token: fieldsOf(undefined) },
      "home/.cli-proxy-api/qwen.json": fieldsOf("qwen@example.com", { type: "qwen" }),
      "fake_cli_credential_3.env":
        "FAKE_CLI_3_ACCESS_TOKEN=a\nFAKE_CLI_3_REFRESH_TOKEN=r\nFAKE_CLI_3_EMAIL=env@example.com",
      "other_cli_credential_1.env": "OTHER_CLI_1_ACCESS_TOKEN=a",
      ".env": "FAKE_CLI_9_ACCESS_TOKEN=a",
    });
    const found = await storeIn(root, { env: { FAKE_CLI_OAUTH_1: "vault/x.json" } }).discover(kind);
    const rows = found.map(({ path, from, state, accounts }) => {
      const emails = accounts.map(({ fields }) => kind.identify(fields));
      return [path.slice(root.length + 1), from, state, ...emails];
    });
    expect(rows).toEqual([
      ["home/.fake_cli/oauth_creds.json", "official", "known", "mia@example.com"],
      ["oauth_creds/fake_cli_oauth_1.json", "seed", "known", "seed@example.com"],
      ["oauth_creds/fake_cli_oauth_2.json", "seed", "broken"],
      ["vault/x.json", "variable", "known", "var@example.com"],
      ["home/.cli-proxy-api/fake.json", "cli-proxy-api", "new", "cpa@example.com"],
      ["fake_cli_credential_3.env", "export", "new", "env@example.com"],
    ]);
  });

  test("writes nothing and finds nothing where nothing is", async () => {
    const root = folder();
    expect(await storeIn(root).discover(kind)).toEqual([]);
    expect(readdirSync(root)).toEqual([]);
  });
});

test("fields of odd shapes do not stop the others from being read", async () => {
  const odd: AccountFields = fieldsOf("mia@example.com", { _proxy_metadata: "text", email: "mia@example.com" });
  const root = folder({ "x.json": odd });
  const store = storeIn(root);
  await store.importFile(kind, "x.json");
  await store.importFile(kind, "x.json", { replace: true });
  expect((await store.list(kind)).accounts).toHaveLength(1);
});
