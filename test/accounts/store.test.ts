import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { maskEmail } from "../../src/accounts/fields.ts";
import type { AccountFields } from "../../src/accounts/types.ts";
import { fakeKind, fieldsOf, folder, storeIn } from "./_kind.ts";

const kind = fakeKind();
const own = ".waygate/credentials/fake_cli";
const read = (root: string, path: string): AccountFields =>
  JSON.parse(readFileSync(join(root, path), "utf8")) as AccountFields;
const names = (accounts: readonly { readonly name: string }[]): string[] => accounts.map(({ name }) => name);
const isRoot = process.getuid?.() === 0;

describe("saving", () => {
  test("an account gets a file of its own, for this user alone", async () => {
    const root = folder();
    const saved = await storeIn(root).save(kind, fieldsOf("Mia.K@example.com"));
    expect(saved).toMatchObject({ name: "mia-k", provider: "fake_cli", isRenewal: false });
    expect(read(root, `${own}/mia-k.json`)).toEqual(fieldsOf("Mia.K@example.com"));
    expect(statSync(join(root, own, "mia-k.json")).mode & 0o777).toBe(0o600);
    for (const each of [".waygate", ".waygate/credentials", own]) {
      expect(statSync(join(root, each)).mode & 0o777).toBe(0o700);
    }
  });

  test("a folder that others could read is closed to them", async () => {
    const root = folder({ [`${own}/old.json`]: fieldsOf("old@example.com") });
    chmodSync(join(root, own), 0o755);
    await storeIn(root).save(kind, fieldsOf("mia@example.com"));
    expect(statSync(join(root, own)).mode & 0o777).toBe(0o700);
  });

  test("G5 accounts with one local part in several domains never share a file", async () => {
    const root = folder();
    const store = storeIn(root);
    for (const domain of ["a.com", "b.com", "c-com", "c.com"]) await store.save(kind, fieldsOf(`mia@${domain}`));
    expect(readdirSync(join(root, own)).toSorted()).toEqual(
      ["mia-2.json", "mia-b-com.json", "mia-c-com.json", "mia.json"].toSorted(),
    );
    const { accounts } = await store.list(kind);
    expect(accounts.map(({ fields }) => kind.identify(fields)).toSorted()).toEqual(
      ["mia@a.com", "mia@b.com", "mia@c-com", "mia@c.com"].toSorted(),
    );
  });

  test("G5 two saved at the same time never share a file", async () => {
    const root = folder();
    await Promise.all(
      Array.from({ length: 6 }, (_, at) => storeIn(root).save(kind, fieldsOf(`mia@${at}.example.com`))),
    );
    expect((await storeIn(root).list(kind)).accounts).toHaveLength(6);
  });

  test("G2 the same account is renewed in place, and fields nobody knows are kept", async () => {
    const root = folder({
      [`${own}/mia.json`]: fieldsOf("mia@example.com", {
        theirs: { deep: [1] },
        _proxy_metadata: { email: "mia@example.com", tier: "PRO" },
      }),
    });
    const store = storeIn(root);
    const saved = await store.save(kind, fieldsOf("MIA@example.com", { access_token: "at-new" }));
    expect(saved).toMatchObject({ name: "mia", isRenewal: true });
    expect(read(root, `${own}/mia.json`)).toMatchObject({
      access_token: "at-new",
      theirs: { deep: [1] },
      _proxy_metadata: { email: "MIA@example.com", tier: "PRO" },
    });
    expect(readdirSync(join(root, own))).toEqual(["mia.json"]);
  });

  test("a name that is asked for is taken, unless another account has it", async () => {
    const store = storeIn(folder());
    expect((await store.save(kind, fieldsOf("a@example.com"), { name: "Work" })).name).toBe("work");
    expect((await store.save(kind, fieldsOf("b@example.com"), { name: "work" })).name).toBe("work-2");
  });

  test("where a provider tells no accounts apart, the name says which one is renewed", async () => {
    const nameless = fakeKind("fake_cli", { identify: () => undefined });
    const store = storeIn(folder());
    const saved = [];
    for (const [name, token] of [
      ["work", "1"],
      ["work", "2"],
      [undefined, "3"],
    ] as const) {
      const fields = fieldsOf(undefined, { access_token: token, refresh_token: `rt-${token}` });
      saved.push(await store.save(nameless, fields, name === undefined ? {} : { name }));
    }
    expect(saved.map(({ name, isRenewal }) => [name, isRenewal])).toEqual([
      ["work", false],
      ["work", true],
      [expect.stringMatching(/^account-[\da-f]{6}$/), false],
    ]);
    expect((await store.list(nameless)).accounts).toHaveLength(2);
  });

  test.each([
    ["çağrı@example.com", "cagr"],
    ["李@example.com", expect.stringMatching(/^account-/)],
    ["../../etc/passwd@example.com", "etc-passwd"],
    ["con@example.com", "con-account"],
    [`${"x".repeat(300)}@example.com`, "x".repeat(40)],
  ])("the address %s gives a name that every disk takes", async (email, name) => {
    expect((await storeIn(folder()).save(kind, fieldsOf(email))).name).toEqual(name);
  });

  test.skipIf(isRoot)("a folder that cannot be written to is told before somebody signs in", async () => {
    const root = folder({ ".waygate/x": "" });
    chmodSync(join(root, ".waygate"), 0o500);
    onTestFinished(() => chmodSync(join(root, ".waygate"), 0o700));
    await expect(storeIn(root).ready(kind)).rejects.toThrow(/cannot be saved[^]*EACCES[^]*dataDir/);
  });

  test("a file where the folder should be is told before somebody signs in", async () => {
    const root = folder({ ".waygate/credentials": "a file" });
    await expect(storeIn(root).ready(kind)).rejects.toThrow(/account_unsaved[^]*dataDir/);
    await expect(storeIn(root).save(kind, fieldsOf("mia@example.com"))).rejects.toThrow(/account_unsaved/);
    await expect(storeIn(folder()).ready(kind)).resolves.toBeUndefined();
  });
});

describe("finding", () => {
  test("accounts come from our folder and the seed's, each once", async () => {
    const root = folder({
      [`${own}/mia.json`]: fieldsOf("mia@example.com"),
      "oauth_creds/fake_cli_oauth_10.json": fieldsOf("ten@example.com"),
      "oauth_creds/fake_cli_oauth_2.json": fieldsOf("two@example.com"),
      "oauth_creds/fake_cli_oauth_1.json": fieldsOf("mia@example.com", { access_token: "older" }),
      "oauth_creds/other_oauth_1.json": fieldsOf("eve@example.com"),
    });
    const { accounts, broken } = await storeIn(root).list(kind);
    expect(names(accounts)).toEqual(["mia", "fake_cli_oauth_2", "fake_cli_oauth_10"]);
    expect(accounts[0]!.fields["access_token"]).toBe("at-mia@example.com");
    expect(broken).toEqual([]);
  });

  test("a variable names a file, which is read and renewed where it lies", async () => {
    const root = folder({ "home/secret/creds.json": fieldsOf("mia@example.com") });
    const store = storeIn(root, { env: { FAKE_CLI_OAUTH_1: "~/secret/creds.json" } });
    const [account] = (await store.list(kind)).accounts;
    expect(account).toMatchObject({ name: "creds", origin: { kind: "file" } });
    await store.update(kind, account!, async () => ({ access_token: "at-new" }));
    expect(read(root, "home/secret/creds.json")["access_token"]).toBe("at-new");
    expect(existsSync(join(root, own))).toBe(false);
  });

  test("accounts in the environment keep files out of use, numbered ones keep out the one without a number", async () => {
    const root = folder({ [`${own}/mia.json`]: fieldsOf("mia@example.com") });
    const env = {
      FAKE_CLI_ACCESS_TOKEN: "a0",
      FAKE_CLI_REFRESH_TOKEN: "r0",
      FAKE_CLI_PROJECT_ID: "everybody's",
      FAKE_CLI_12_ACCESS_TOKEN: "a12",
      FAKE_CLI_12_REFRESH_TOKEN: "r12",
      FAKE_CLI_2_ACCESS_TOKEN: " a2 ",
      FAKE_CLI_2_REFRESH_TOKEN: "r2",
      FAKE_CLI_2_EXPIRY_DATE: "1767225600000",
      FAKE_CLI_2_EMAIL: "two@example.com",
    };
    const { accounts } = await storeIn(root, { env }).list(kind);
    expect(accounts.map(({ name, fields }) => [name, fields])).toEqual([
      [
        "env-2",
        {
          access_token: "a2",
          refresh_token: "r2",
          expiry_date: 1_767_225_600_000,
          _proxy_metadata: { email: "two@example.com" },
        },
      ],
      ["env-12", { access_token: "a12", refresh_token: "r12", expiry_date: 0 }],
    ]);
    const { FAKE_CLI_12_ACCESS_TOKEN: _a, FAKE_CLI_2_ACCESS_TOKEN: _b, ...single } = env;
    const plain = await storeIn(root, {
      env: { ...single, FAKE_CLI_12_REFRESH_TOKEN: "", FAKE_CLI_2_REFRESH_TOKEN: "" },
    }).list(kind);
    expect(names(plain.accounts)).toEqual(["env-0"]);
    const none = await storeIn(root, { env: { FAKE_CLI_PROJECT_ID: "everybody's" } }).list(kind);
    expect(names(none.accounts)).toEqual(["mia"]);
  });

  test.each([
    [{ FAKE_CLI_1_ACCESS_TOKEN: "a" }, "FAKE_CLI_1_REFRESH_TOKEN", /only a part/],
    [
      { FAKE_CLI_1_ACCESS_TOKEN: "a", FAKE_CLI_1_REFRESH_TOKEN: "r", FAKE_CLI_1_EXPIRY_DATE: "soon" },
      "FAKE_CLI_1_EXPIRY_DATE",
      /no number/,
    ],
  ])("variables that make no account are named: %o", async (env, path, why) => {
    const { accounts, broken } = await storeIn(folder(), { env: env as Record<string, string> }).list(kind);
    expect(accounts).toEqual([]);
    expect(broken).toEqual([expect.objectContaining({ path, why: expect.stringMatching(why) as string })]);
  });

  test("of two files of one account in our folder the one whose access lasts longer is used", async () => {
    const root = folder({
      [`${own}/a.json`]: fieldsOf("mia@example.com", { expiry_date: 5 }),
      [`${own}/b.json`]: fieldsOf("mia@example.com", { expiry_date: 9 }),
    });
    expect(names((await storeIn(root).list(kind)).accounts)).toEqual(["b"]);
  });

  test("a folder that is not there has no accounts", async () => {
    expect(await storeIn(join(folder(), "nowhere")).list(kind)).toEqual({ accounts: [], broken: [] });
  });
});

test("the places to watch are those where accounts may appear", () => {
  const root = folder();
  const env = {
    FAKE_CLI_OAUTH_2: "b.json",
    FAKE_CLI_OAUTH_1: "/a.json",
    FAKE_CLI_OAUTH_X: "no",
    OTHER_CLI_OAUTH_1: "no",
  };
  expect(storeIn(root, { env }).watched(kind)).toEqual([
    join(root, own),
    join(root, "oauth_creds"),
    "/a.json",
    join(root, "b.json"),
  ]);
});

test.each([
  ["miafischer@example.com", "mia***er@***"],
  ["mia@example.com", "***@***"],
  ["nobody", "nob***dy"],
])("the address %s is shown to strangers as %s", (email, masked) => {
  expect(maskEmail(email)).toBe(masked);
});

describe("broken files", () => {
  const whole = JSON.stringify(fieldsOf("mia@example.com"));

  test.each([
    ["cut off", whole.slice(0, 60), /only the beginning/],
    ["empty", "", /empty/],
    ["of zeros, as after a power cut", "\0".repeat(200), /no JSON/],
    ["a list", "[]", /no object/],
    ["of fields that make no account", "{}", /no account of fake_cli/],
    ["of another provider", JSON.stringify(fieldsOf("eve@example.com", { client: "other_cli" })), /another provider/],
    [
      "of another provider by CLIProxyAPI's word",
      JSON.stringify(fieldsOf("eve@example.com", { type: "qwen" })),
      /qwen_code/,
    ],
    ["huge", " ".repeat(1024 * 1024 + 1), /too large/],
  ])("a file %s is told and left as it is", async (_, text, why) => {
    const root = folder({ [`${own}/mia.json`]: text });
    const store = storeIn(root);
    const { accounts, broken } = await store.list(kind);
    expect(accounts).toEqual([]);
    expect(broken).toHaveLength(1);
    expect(broken[0]).toMatchObject({ provider: "fake_cli", path: join(root, own, "mia.json") });
    expect(broken[0]!.why).toMatch(why);
    expect(JSON.stringify(broken)).not.toMatch(/[ar]t-(?:mia|eve)/);

    expect((await store.save(kind, fieldsOf("mia@example.com"))).name).toBe("mia-example-com");
    expect(readFileSync(join(root, own, "mia.json"), "utf8")).toBe(text);
  });

  test("a byte order mark does no harm", async () => {
    const root = folder({ [`${own}/mia.json`]: `\uFEFF${whole}` });
    expect((await storeIn(root).list(kind)).accounts).toHaveLength(1);
  });

  test("links are followed and stay links; those that lead nowhere are told", async () => {
    const root = folder({ "vault/mia.json": fieldsOf("mia@example.com") });
    mkdirSync(join(root, own), { recursive: true });
    symlinkSync(join(root, "vault/mia.json"), join(root, own, "mia.json"));
    symlinkSync(join(root, "vault/gone.json"), join(root, own, "gone.json"));
    symlinkSync("loop.json", join(root, own, "loop.json"));
    mkdirSync(join(root, own, "folder.json"));
    const store = storeIn(root);
    const { accounts, broken } = await store.list(kind);
    expect(broken.map(({ why }) => why)).toEqual([
      "It is no file.",
      "It is a link that leads nowhere.",
      "It is a link that leads back to itself.",
    ]);
    await store.update(kind, accounts[0]!, async () => ({ access_token: "at-new" }));
    expect(read(root, "vault/mia.json")["access_token"]).toBe("at-new");
    expect(statSync(join(root, "vault/mia.json")).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(root, "vault"))).toEqual(["mia.json"]);
  });

  test.skipIf(isRoot)("a file that this user may not read is told", async () => {
    const root = folder({ [`${own}/mia.json`]: whole });
    chmodSync(join(root, own, "mia.json"), 0o000);
    expect((await storeIn(root).list(kind)).broken[0]).toMatchObject({ why: "This user may not read it." });
  });

  test("an account that became broken meanwhile is not changed", async () => {
    const root = folder({ [`${own}/mia.json`]: whole });
    const store = storeIn(root);
    const [account] = (await store.list(kind)).accounts;
    writeFileSync(join(root, own, "mia.json"), whole.slice(0, 30));
    let isAsked = false;
    const change = async (): Promise<AccountFields> => {
      isAsked = true;
      return {};
    };
    await expect(store.update(kind, account!, change)).rejects.toThrow(/account_broken[^]*only the beginning/);
    expect(isAsked).toBe(false);
    expect(readFileSync(join(root, own, "mia.json"), "utf8")).toBe(whole.slice(0, 30));
  });
});

describe("updating", () => {
  test("G2 the change sees what is in the file now, and what it does not name stays", async () => {
    const root = folder({ [`${own}/mia.json`]: fieldsOf("mia@example.com", { theirs: true }) });
    const store = storeIn(root);
    const [account] = (await store.list(kind)).accounts;
    writeFileSync(join(root, own, "mia.json"), JSON.stringify(fieldsOf("mia@example.com", { theirs: "newer" })));
    const updated = await store.update(kind, account!, async (current) => {
      expect(current["theirs"]).toBe("newer");
      return { refresh_token: "rt-new" };
    });
    expect(updated.fields).toEqual(fieldsOf("mia@example.com", { theirs: "newer", refresh_token: "rt-new" }));
    expect(read(root, `${own}/mia.json`)).toEqual(updated.fields);
  });

  test("G2 the new token is on the disk before anybody gets it", async () => {
    const root = folder({ [`${own}/mia.json`]: fieldsOf("mia@example.com") });
    const store = storeIn(root);
    const [account] = (await store.list(kind)).accounts;
    await store
      .update(kind, account!, async () => ({ access_token: "at-new" }))
      .then(() => {
        expect(read(root, `${own}/mia.json`)["access_token"]).toBe("at-new");
      });
  });

  test("a change that keeps everything writes nothing", async () => {
    const root = folder({ [`${own}/mia.json`]: fieldsOf("mia@example.com") });
    const store = storeIn(root);
    const [account] = (await store.list(kind)).accounts;
    const before = statSync(join(root, own, "mia.json")).ino;
    await store.update(kind, account!, async (current) => current);
    expect(statSync(join(root, own, "mia.json")).ino).toBe(before);
  });

  test("a change that fails leaves the file and no lock", async () => {
    const root = folder({ [`${own}/mia.json`]: fieldsOf("mia@example.com") });
    const store = storeIn(root);
    const [account] = (await store.list(kind)).accounts;
    await expect(store.update(kind, account!, () => Promise.reject(new Error("invalid_grant")))).rejects.toThrow(
      "invalid_grant",
    );
    expect(read(root, `${own}/mia.json`)).toEqual(fieldsOf("mia@example.com"));
    expect(readdirSync(join(root, own))).toEqual(["mia.json"]);
  });

  test("an account whose file is gone is not brought back", async () => {
    const root = folder();
    const store = storeIn(root);
    const saved = await store.save(kind, fieldsOf("mia@example.com"));
    await store.remove(kind, saved);
    await expect(store.update(kind, saved, async () => ({}))).rejects.toThrow(/account_gone/);
    expect((await store.list(kind)).accounts).toEqual([]);
  });

  test("an account of the environment is renewed in memory, also for a store made later, until its variables change", async () => {
    const env = { FAKE_CLI_1_ACCESS_TOKEN: "a-memory", FAKE_CLI_1_REFRESH_TOKEN: "r" };
    const root = folder();
    const store = storeIn(root, { env });
    const [account] = (await store.list(kind)).accounts;
    const seen: unknown[] = [];
    const count = async (current: AccountFields): Promise<AccountFields> => {
      seen.push(current["access_token"]);
      return { access_token: `${String(current["access_token"])}+` };
    };
    await Promise.all([store.update(kind, account!, count), store.update(kind, account!, count)]);
    expect(seen).toEqual(["a-memory", "a-memory+"]);
    expect((await storeIn(root, { env }).list(kind)).accounts[0]!.fields["access_token"]).toBe("a-memory++");
    const changed = { ...env, FAKE_CLI_1_REFRESH_TOKEN: "other" };
    expect((await storeIn(root, { env: changed }).list(kind)).accounts[0]!.fields["access_token"]).toBe("a-memory");
    expect(readdirSync(root)).toEqual([]);
  });

  test.skipIf(isRoot)("on a read-only disk new tokens are kept in memory, with one warning", async () => {
    const root = folder({ [`${own}/mia.json`]: fieldsOf("mia@example.com") });
    chmodSync(join(root, own), 0o500);
    onTestFinished(() => chmodSync(join(root, own), 0o700));
    const warnings: string[] = [];
    const store = storeIn(root, { warn: (text) => warnings.push(text) });
    const [account] = (await store.list(kind)).accounts;
    const add = async (current: AccountFields): Promise<AccountFields> => ({
      access_token: `${String(current["access_token"])}+`,
    });
    await store.update(kind, account!, add);
    await store.update(kind, account!, add);
    expect((await store.list(kind)).accounts[0]!.fields["access_token"]).toBe("at-mia@example.com++");
    expect(warnings).toEqual([expect.stringMatching(/in memory only/)]);
    expect(read(root, `${own}/mia.json`)["access_token"]).toBe("at-mia@example.com");
  });

  test("tokens that the disk did not take are kept in memory", async () => {
    const root = folder({ [`${own}/mia.json`]: fieldsOf("mia@example.com") });
    const warnings: string[] = [];
    const store = storeIn(root, { warn: (text) => warnings.push(text) });
    const [account] = (await store.list(kind)).accounts;
    const full = Object.assign(new Error("no space"), { code: "ENOSPC" });
    // What the disk says while the tokens are written; JSON is asked for them last.
    const fields = { access_token: "at-new", poison: { toJSON: () => raise(full) } };
    await store.update(kind, account!, async () => fields as unknown as AccountFields);
    expect((await store.list(kind)).accounts[0]!.fields["access_token"]).toBe("at-new");
    expect(warnings).toEqual([expect.stringMatching(/ENOSPC/)]);
  });
});

function raise(error: Error): never {
  throw error;
}

describe("removing", () => {
  test("the file goes; one of the environment is named instead", async () => {
    const root = folder({ [`${own}/broken.json`]: "{" });
    const store = storeIn(root);
    const saved = await store.save(kind, fieldsOf("mia@example.com"));
    await store.remove(kind, saved);
    const [broken] = (await store.list(kind)).broken;
    await store.remove(kind, broken!);
    expect(readdirSync(join(root, own))).toEqual([]);
    const env = { FAKE_CLI_1_ACCESS_TOKEN: "a", FAKE_CLI_1_REFRESH_TOKEN: "r" };
    const held = storeIn(root, { env });
    const [account] = (await held.list(kind)).accounts;
    await expect(held.remove(kind, account!)).rejects.toThrow(/Remove the variables that begin with\s+FAKE_CLI_1_/);
  });
});

describe("encryption", () => {
  const key = "a".repeat(64);

  test.each([
    ["32 bytes", key],
    ["32 bytes in base64", Buffer.alloc(32, 7).toString("base64")],
    ["a passphrase", "correct horse"],
  ])("with %s nothing of an account can be read from its file, and it is read back", async (_, secret) => {
    const root = folder();
    const store = storeIn(root, { env: { WAYGATE_CREDENTIALS_KEY: secret } });
    await store.save(kind, fieldsOf("mia@example.com"));
    const text = readFileSync(join(root, own, "mia.json"), "utf8");
    expect(text).not.toMatch(/at-mia|rt-mia|example/);
    expect(JSON.parse(text)).toMatchObject({ waygate_encrypted: 1, cipher: "aes-256-gcm" });
    const [account] = (await storeIn(root, { env: { WAYGATE_CREDENTIALS_KEY: secret } }).list(kind)).accounts;
    expect(account!.fields).toEqual(fieldsOf("mia@example.com"));
  });

  test("a wrong or missing key is told, and the file stays", async () => {
    const root = folder();
    await storeIn(root, { env: { WAYGATE_CREDENTIALS_KEY: "right" } }).save(kind, fieldsOf("mia@example.com"));
    const text = readFileSync(join(root, own, "mia.json"), "utf8");
    for (const [secret, why] of [
      ["wrong", /another key/],
      [key, /another key/],
      [undefined, /there is no key/],
    ] as const) {
      const store = storeIn(root, { env: { WAYGATE_CREDENTIALS_KEY: secret } });
      const { accounts, broken } = await store.list(kind);
      expect(accounts).toEqual([]);
      expect(broken[0]).toMatchObject({ why: expect.stringMatching(why) as string });
      expect(broken[0]!.fix).toContain("WAYGATE_CREDENTIALS_KEY");
    }
    expect(readFileSync(join(root, own, "mia.json"), "utf8")).toBe(text);
  });

  test("a changed byte, and numbers that would cost hours, are told", async () => {
    const root = folder();
    const store = storeIn(root, { env: { WAYGATE_CREDENTIALS_KEY: "right" } });
    await store.save(kind, fieldsOf("mia@example.com"));
    const sealed = read(root, `${own}/mia.json`);
    const data = Buffer.from(String(sealed["data"]), "base64");
    data[0]! ^= 1;
    writeFileSync(join(root, own, "a.json"), JSON.stringify({ ...sealed, data: data.toString("base64") }));
    const scrypt = { ...(sealed["scrypt"] as AccountFields), N: 2 ** 40 };
    writeFileSync(join(root, own, "b.json"), JSON.stringify({ ...sealed, scrypt }));
    writeFileSync(join(root, own, "c.json"), JSON.stringify({ waygate_encrypted: 1 }));
    const { accounts, broken } = await store.list(kind);
    expect(names(accounts)).toEqual(["mia"]);
    expect(broken).toHaveLength(3);
  });

  test("a plain file is encrypted when it is written next; the seed's stays as that tool reads it", async () => {
    const root = folder({
      [`${own}/mia.json`]: fieldsOf("mia@example.com"),
      "oauth_creds/fake_cli_oauth_1.json": fieldsOf("eva@example.com"),
    });
    const store = storeIn(root, { env: { WAYGATE_CREDENTIALS_KEY: key } });
    for (const account of (await store.list(kind)).accounts) {
      await store.update(kind, account, async () => ({ access_token: "at-new" }));
    }
    expect(read(root, `${own}/mia.json`)).toHaveProperty("waygate_encrypted");
    expect(read(root, "oauth_creds/fake_cli_oauth_1.json")).toMatchObject({ access_token: "at-new" });
  });
});

test("G6 accounts of one provider, folder or user are never those of another", async () => {
  const root = folder({ "home/.fake_cli/oauth_creds.json": fieldsOf("home@example.com") });
  const mia = storeIn(root, { dataDir: "mia" });
  const eva = storeIn(root, { dataDir: "eva" });
  await mia.save(kind, fieldsOf("mia@example.com"));
  expect(names((await mia.list(kind)).accounts)).toEqual(["mia"]);
  expect((await eva.list(kind)).accounts).toEqual([]);
  expect((await mia.list(fakeKind("other_cli"))).accounts).toEqual([]);
  const saved = await eva.save(kind, fieldsOf("mia@example.com", { access_token: "eva's" }));
  expect(saved.isRenewal).toBe(false);
  expect((await mia.list(kind)).accounts[0]!.fields["access_token"]).toBe("at-mia@example.com");
});
