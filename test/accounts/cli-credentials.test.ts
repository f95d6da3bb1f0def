import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { addCredential, addKey } from "../../src/cli/credentials-add.ts";
import { checkCredentials } from "../../src/cli/credentials-check.ts";
import { exportCredentials } from "../../src/cli/credentials-export.ts";
import { importCredentials } from "../../src/cli/credentials-import.ts";
import { listCredentials } from "../../src/cli/credentials-list.ts";
import { credentialsMenu } from "../../src/cli/credentials-menu.ts";
import { Stopped } from "../../src/cli/credentials-prompts.ts";
import { removeCredential } from "../../src/cli/credentials-remove.ts";
import { ProxyError } from "../../src/failure/error.ts";
import { apiKeyCredential } from "../../src/candidates/keys.ts";
import { defineProvider } from "../../src/plugin/define.ts";
import type { Plugin } from "../../src/plugin/app.ts";
import { fakeDesk, person } from "./_desk.ts";
import { fakeKind, fieldsOf, folder, storeIn } from "./_kind.ts";

const kind = fakeKind();
const other = fakeKind("other_cli");
const own = ".waygate/credentials/fake_cli";
const none = { values: {}, operands: [], prompts: undefined };
const keyOne = "sk-one-1234567890abcdefgh";
const keyTwo = "sk-two-1234567890abcdefgh";

/** A provider whose keys are those of the environment. */
function lab(answer: () => Promise<readonly string[]> = async () => ["m"]): Plugin {
  const provider = defineProvider({
    name: "lab",
    protocol: "openai-chat",
    models: [],
    discover: answer,
    prepare: () => {
      throw new Error("not in this test");
    },
  });
  return {
    name: "lab",
    providers: [provider],
    setup(app) {
      for (const name of ["LAB_API_KEY", "LAB_API_KEY_2"]) {
        const key = process.env[name];
        if (key) app.credentials.add(apiKeyCredential("lab", key));
      }
    },
  };
}

afterEach(() => {
  vi.unstubAllEnvs();
  for (const name of Object.keys(process.env)) if (/^(?:LAB|MINE)_API_/.test(name)) delete process.env[name];
});

async function withAccounts(...emails: readonly string[]): Promise<string> {
  const root = folder();
  for (const email of emails) await storeIn(root).save(kind, fieldsOf(email));
  return root;
}

describe("list", () => {
  test("shows accounts, keys and broken files with where they are, and no secret", async () => {
    const root = await withAccounts("mia@example.com");
    writeFileSync(join(root, own, "cut.json"), '{"access_token":"at-cut');
    await storeIn(root).save(other, fieldsOf("eva@example.com"));
    vi.stubEnv("LAB_API_KEY", keyOne);
    const desk = fakeDesk(root, { kinds: [kind], others: [other], plugins: [lab()], columns: 200 });
    expect(await listCredentials(desk, none)).toBe(0);
    const text = desk.shown();
    expect(text).toMatch(/mia@example\.com +unknown +\S*mia\.json +access ends in/);
    expect(text).toMatch(/✕ cut +broken +needs you +\S*cut\.json: It is no JSON/);
    expect(text).toMatch(/‖ eva@example\.com +unlisted/);
    expect(text).toMatch(/· sk-o…efgh +unknown/);
    expect(text).toContain("3 accounts, 1 key");
    expect(text).toContain("proxy credentials check --state need-you");
    expect(text).not.toMatch(/[ar]t-(?:mia|eva|cut)|sk-one-1/);
  });

  test("of one provider or state shows only those, and knows what was meant", async () => {
    const root = await withAccounts("mia@example.com");
    writeFileSync(join(root, own, "cut.json"), "{");
    const desk = fakeDesk(root, { kinds: [kind], json: true });
    const names = async (operands: readonly string[], values = {}): Promise<unknown> => {
      await listCredentials(desk, { operands, values });
      const { credentials } = JSON.parse(desk.shown()) as { credentials: { name: string; fix?: string }[] };
      return credentials.map(({ name }) => name);
    };
    expect(await names(["fake-cli"])).toEqual(["mia", "cut"]);
    expect(await names([], { state: "need-you" })).toEqual(["cut"]);
    await expect(names(["fake_clu"])).rejects.toThrow(/proxy credentials list fake_cli/);
    await expect(names([], { state: "brokn" })).rejects.toThrow(/--state broken/);
  });

  test("of nothing says how to begin", async () => {
    const desk = fakeDesk(folder(), { kinds: [kind] });
    expect(await listCredentials(desk, none)).toBe(0);
    expect(desk.shown()).toContain("proxy login PROVIDER");
  });
});

describe("add", () => {
  const add = (root: string, key: string, more = {}): Promise<number> =>
    addKey(fakeDesk(root, { plugins: [lab()] }), {
      provider: "lab",
      key,
      base: undefined,
      prompts: undefined,
      ...more,
    });

  test("writes keys into .env, each once, beside what is there, for this user alone", async () => {
    const root = folder({ ".env": "# mine\r\nOTHER=1\r\nLAB_API_KEY=\r\nLAST=x" });
    await add(root, keyOne);
    await add(root, keyTwo);
    await add(root, keyOne);
    expect(readFileSync(join(root, ".env"), "utf8")).toBe(
      `# mine\r\nOTHER=1\r\nLAB_API_KEY=${keyOne}\r\nLAST=x\r\nLAB_API_KEY_2=${keyTwo}\r\n`,
    );
    expect(statSync(join(root, ".env")).mode & 0o777).toBe(0o600);
    expect(readdirSync(root)).toEqual([".env"]);
  });

  test("a key that is set outside of .env is not written again", async () => {
    vi.stubEnv("LAB_API_KEYS", `a-first-key-123, ${keyOne}`);
    const root = folder();
    const desk = fakeDesk(root, { plugins: [lab()], json: true });
    await addKey(desk, { provider: "lab", key: keyOne, base: undefined, prompts: undefined });
    expect(JSON.parse(desk.shown())).toEqual({
      provider: "lab",
      key: "sk-o…efgh",
      variable: "LAB_API_KEYS",
      outcome: "known",
      file: null,
    });
    expect(existsSync(join(root, ".env"))).toBe(false);
  });

  test("two processes that add at once lose no key", async () => {
    const root = folder();
    await Promise.all([add(root, keyOne), add(root, keyTwo)]);
    const text = readFileSync(join(root, ".env"), "utf8");
    expect(text).toContain(keyOne);
    expect(text).toContain(keyTwo);
  });

  test("an .env that is a link stays one", async () => {
    const root = folder({ "vault/env": "A=1\n" });
    symlinkSync(join(root, "vault/env"), join(root, ".env"));
    await add(root, keyOne);
    expect(readFileSync(join(root, "vault/env"), "utf8")).toBe(`A=1\nLAB_API_KEY=${keyOne}\n`);
  });

  test("a provider of one's own gets its address and its key, and the line for the config", async () => {
    const root = folder();
    const desk = fakeDesk(root, {});
    const values = { key: keyOne, "base-url": "http://127.0.0.1:8080" };
    expect(await addCredential(desk, { operands: ["Mine"], values, prompts: undefined })).toBe(0);
    expect(readFileSync(join(root, ".env"), "utf8")).toBe(
      `MINE_API_BASE=http://127.0.0.1:8080/v1\nMINE_API_KEY=${keyOne}\n`,
    );
    expect(desk.shown()).toContain('openaiCompatible({ name: "mine" })');
  });

  test.each([
    ["labb", { key: keyOne }, /There is no provider "labb"[^]*proxy credentials add lab/],
    ["../x", { key: keyOne }, /no name for a provider/],
    ["lab", { key: "your-key-here" }, /placeholder/],
    ["lab", { key: "with a space" }, /space/],
    ["mine", { key: keyOne, "base-url": "example.com/v1" }, /does not begin with http/],
    ["lab", {}, /key of lab is missing[^]*--key -/],
  ])("refuses %s %o and writes nothing", async (name, values, message) => {
    const root = folder();
    const desk = fakeDesk(root, { plugins: [lab()] });
    const error: unknown = await addCredential(desk, { operands: [name], values, prompts: undefined }).catch(
      (e: unknown) => e,
    );
    expect(String(error)).toMatch(message);
    expect(existsSync(join(root, ".env"))).toBe(false);
  });

  test("a key that is asked for is asked hidden", async () => {
    const root = folder();
    const prompts = person(keyOne);
    await addCredential(fakeDesk(root, { plugins: [lab()] }), { operands: ["lab"], values: {}, prompts });
    expect(prompts.asked).toEqual(["API key of lab"]);
    expect(readFileSync(join(root, ".env"), "utf8")).toContain(keyOne);
  });

  test("a folder in place of .env is told", async () => {
    const root = folder();
    mkdirSync(join(root, ".env"));
    await expect(add(root, keyOne)).rejects.toThrow(/EISDIR|cannot be written/);
  });
});

describe("remove", () => {
  const remove = async (root: string, operands: readonly string[], values: object = { yes: true }): Promise<string> => {
    const desk = fakeDesk(root, { kinds: [kind], plugins: [lab()] });
    await removeCredential(desk, { operands, values: values as { yes: boolean }, prompts: undefined });
    return desk.shown();
  };

  test.each(["mia", "Mia@Example.com", `${own}/mia.json`])("takes an account away by %s", async (name) => {
    const root = await withAccounts("mia@example.com", "eva@example.com");
    expect(await remove(root, ["fake_cli", name])).toContain("mia@example.com  removed from");
    expect(readdirSync(join(root, own))).toEqual(["eva.json"]);
  });

  test("takes a broken file away", async () => {
    const root = folder({ [`${own}/cut.json`]: "{" });
    await remove(root, ["fake_cli", "cut"]);
    expect(readdirSync(join(root, own))).toEqual([]);
  });

  test("says where else the account is", async () => {
    const root = await withAccounts("mia@example.com");
    mkdirSync(join(root, "oauth_creds"));
    writeFileSync(join(root, "oauth_creds/fake_cli_oauth_1.json"), JSON.stringify(fieldsOf("mia@example.com")));
    expect(await remove(root, ["fake_cli", "mia"])).toMatch(/fake_cli_oauth_1\.json too/);
  });

  test.each([["sk-o…efgh"], ["LAB_API_KEY"]])("takes the key %s out of .env and leaves the rest", async (name) => {
    const root = folder({ ".env": `A=1\nexport LAB_API_KEY="${keyOne}"\nLAB_API_KEY_2=${keyTwo}\n` });
    vi.stubEnv("LAB_API_KEY", keyOne);
    vi.stubEnv("LAB_API_KEY_2", keyTwo);
    await remove(root, ["lab", name]);
    expect(readFileSync(join(root, ".env"), "utf8")).toBe(`A=1\nLAB_API_KEY_2=${keyTwo}\n`);
  });

  test("a key from elsewhere is named with its place", async () => {
    vi.stubEnv("LAB_API_KEY", keyOne);
    await expect(remove(folder(), ["lab", "LAB_API_KEY"])).rejects.toThrow(/LAB_API_KEY is set outside of \.env/);
  });

  test("asks first, and needs --yes where nobody can be asked", async () => {
    const root = await withAccounts("mia@example.com");
    await expect(remove(root, ["fake_cli", "mia"], {})).rejects.toThrow(/--yes/);
    await expect(remove(root, ["fake_cli", "mai"])).rejects.toThrow(/Write mia/);
    await expect(remove(root, ["fake_cli"])).rejects.toThrow(/needs a PROVIDER and a NAME/);
    const desk = fakeDesk(root, { kinds: [kind] });
    const prompts = person(false);
    await expect(removeCredential(desk, { operands: ["fake_cli", "mia"], values: {}, prompts })).rejects.toThrow(
      Stopped,
    );
    expect(prompts.asked).toEqual(["Remove fake_cli mia@example.com?"]);
    expect(readdirSync(join(root, own))).toEqual(["mia.json"]);
  });
});

describe("import", () => {
  test("of a file says what became of each account", async () => {
    const root = folder({ "x.json": fieldsOf("mia@example.com") });
    const desk = fakeDesk(root, { kinds: [kind] });
    const given = { operands: ["fake_cli", "x.json"], values: {}, prompts: undefined };
    expect(await importCredentials(desk, given)).toBe(0);
    expect(desk.shown()).toMatch(/✔ fake_cli mia@example\.com {2}added[^]*refresh token/);
    await importCredentials(desk, given);
    expect(desk.shown()).toMatch(/kept as it is/);
  });

  test("without a file takes what is new on this machine, when that is said or chosen", async () => {
    const root = folder({
      "home/.fake_cli/oauth_creds.json": fieldsOf("mia@example.com"),
      "home/.other_cli/oauth_creds.json": fieldsOf("eva@example.com"),
      "oauth_creds/fake_cli_oauth_1.json": "{",
    });
    const desk = fakeDesk(root, { kinds: [kind], others: [other] });
    await expect(importCredentials(desk, none)).rejects.toThrow(/2 files could be imported[^]*--all/);
    expect(desk.shown()).toMatch(/! fake_cli {2}oauth_creds\/fake_cli_oauth_1\.json {2}broken/);
    await importCredentials(desk, { ...none, prompts: person(["1"]) });
    expect(desk.shown()).toMatch(/✔ other_cli eva@example\.com {2}added[^]*must list other_cli/);
    await importCredentials(desk, { ...none, values: { all: true } });
    expect(desk.shown()).toMatch(/✔ fake_cli mia@example\.com {2}added/);
    await importCredentials(desk, { ...none, values: { all: true } });
    expect(desk.shown()).toContain("There is nothing new.");
  });

  test("an account of another provider is refused", async () => {
    const root = folder({ "oauth_creds/other_cli_oauth_1.json": fieldsOf("mia@example.com") });
    const desk = fakeDesk(root, { kinds: [kind, other] });
    const given = { operands: ["fake_cli", "oauth_creds/other_cli_oauth_1.json"], values: {}, prompts: undefined };
    await expect(importCredentials(desk, given)).rejects.toThrow(/account of other_cli, not of fake_cli/);
  });
});

describe("export", () => {
  test("writes a file for every account, or one for all, for this user alone", async () => {
    const root = await withAccounts("mia@example.com", "eva@example.com");
    await storeIn(root).save(other, fieldsOf("dad@example.com"));
    const desk = fakeDesk(root, { kinds: [kind], others: [other] });
    await exportCredentials(desk, none);
    await exportCredentials(desk, { operands: ["fake_cli"], values: { combine: true } });
    await exportCredentials(desk, { operands: [], values: { combine: true } });
    const names = readdirSync(root).filter((name) => name.endsWith(".env"));
    expect(names).toEqual([
      "all_providers_combined.env",
      "fake_cli_all_combined.env",
      "fake_cli_credential_1.env",
      "fake_cli_credential_2.env",
      "other_cli_credential_1.env",
    ]);
    for (const name of names) expect(statSync(join(root, name)).mode & 0o777).toBe(0o600);
    const all = readFileSync(join(root, "all_providers_combined.env"), "utf8");
    for (const variable of ["FAKE_CLI_1_", "FAKE_CLI_2_", "OTHER_CLI_1_"])
      expect(all).toContain(`${variable}ACCESS_TOKEN=`);
    expect(desk.shown()).not.toMatch(/[ar]t-(?:mia|eva|dad)/);

    const elsewhere = folder({ "all_providers_combined.env": all });
    const again = await storeIn(elsewhere).importFile(kind, "all_providers_combined.env");
    expect(again.map(({ account }) => account.name)).toEqual(["eva", "mia"]);
  });

  test("of one account keeps its number, and prints for other programs", async () => {
    const desk = fakeDesk(await withAccounts("eva@example.com", "mia@example.com"), { kinds: [kind] });
    await exportCredentials(desk, { operands: ["fake_cli", "mia@example.com"], values: { out: "-" } });
    expect(desk.shown()).toMatch(/FAKE_CLI_2_ACCESS_TOKEN=at-mia@example\.com/);
  });

  test("writes over its own files only", async () => {
    const root = await withAccounts("mia@example.com");
    writeFileSync(join(root, "fake_cli_credential_1.env"), "MINE=1");
    const desk = fakeDesk(root, { kinds: [kind] });
    await expect(exportCredentials(desk, none)).rejects.toThrow(/export_exists/);
    expect(readFileSync(join(root, "fake_cli_credential_1.env"), "utf8")).toBe("MINE=1");
    await exportCredentials(desk, { operands: [], values: { force: true } });
    await exportCredentials(desk, none);
    await expect(exportCredentials(desk, { operands: [], values: { out: "nowhere" } })).rejects.toThrow(
      /no such folder/,
    );
  });

  test("of nothing, or of somebody unknown, says so", async () => {
    const desk = fakeDesk(await withAccounts("mia@example.com"), { kinds: [kind, other] });
    await expect(exportCredentials(desk, { operands: ["other_cli"], values: {} })).rejects.toThrow(
      /no account of other_cli/,
    );
    await expect(exportCredentials(desk, { operands: ["fake_cli", "mja"], values: {} })).rejects.toThrow(
      /export fake_cli mia/,
    );
  });
});

describe("check", () => {
  test("asks for every account and key, renews what has ended and keeps it", async () => {
    const root = folder();
    const store = storeIn(root);
    await store.save(kind, fieldsOf("mia@example.com"));
    await store.save(kind, fieldsOf("eva@example.com", { expiry_date: 1 }));
    writeFileSync(join(root, own, "cut.json"), "{");
    vi.stubEnv("LAB_API_KEY", keyOne);
    const checking = fakeKind("fake_cli", {
      refresh: async () => ({ access_token: "at-new", expiry_date: Date.now() + 3_600_000 }),
      async check(fields) {
        if (fields["access_token"] === "at-new") return { email: "eva@example.com", tier: "free-tier", project: "p-1" };
        throw new ProxyError({ kind: "credential_invalid", message: "refused: ya29.abcdefghijklmnopqrstuvwxyz" });
      },
    });
    const desk = fakeDesk(root, { kinds: [checking], plugins: [lab()] });
    expect(await checkCredentials(desk, none)).toBe(1);
    const lines = [...desk.terminal.stdout];
    expect(lines.map((line) => line.replace(/\t\d+ ms$/, ""))).toEqual([
      "answers\tfake_cli\teva@example.com\tfree-tier, project p-1",
      "failed\tfake_cli\tmia@example.com\trefused: ***",
      expect.stringMatching(/^failed\tfake_cli\tcut\t.*no JSON/) as string,
      "answers\tlab\tsk-o…efgh\t1 model",
    ]);
    expect(JSON.parse(readFileSync(join(root, own, "eva.json"), "utf8"))).toMatchObject({ access_token: "at-new" });
  });

  test("of one account asks for that one alone", async () => {
    const asked: unknown[] = [];
    const checking = fakeKind("fake_cli", {
      check: async (fields) => {
        asked.push(checking.identify(fields));
        return {};
      },
    });
    const desk = fakeDesk(await withAccounts("mia@example.com", "eva@example.com"), { kinds: [checking] });
    expect(await checkCredentials(desk, { operands: ["fake_cli", "mia"], values: {} })).toBe(0);
    expect(asked).toEqual(["mia@example.com"]);
  });

  test("where no server tells states, need-you asks for all and says so", async () => {
    const desk = fakeDesk(await withAccounts("mia@example.com"), { kinds: [kind] });
    expect(await checkCredentials(desk, { operands: [], values: { state: "need-you" } })).toBe(0);
    expect(desk.shown()).toMatch(/mia@example\.com[^]*No state is known, so all are asked/);
  });
});

describe("the menu", () => {
  test("adds a key and a provider, shows failures and comes again, until somebody leaves", async () => {
    const root = folder();
    const desk = fakeDesk(root, { kinds: [kind], plugins: [lab()] });
    const prompts = person(
      "key",
      "lab",
      keyOne,
      "custom",
      "mine",
      "http://127.0.0.1:1/v1",
      keyTwo,
      "custom",
      Stopped,
      "export",
      "each",
      "exit",
    );
    const acted: unknown[] = [];
    const code = await credentialsMenu({
      terminal: desk.terminal,
      prompts,
      open: async () => desk,
      async run(_desk, act, operands, values = {}) {
        acted.push([act, operands]);
        if (act === "export") throw new Error("nothing to export");
        return addCredential(desk, { operands, values, prompts });
      },
    });
    expect(code).toBe(0);
    expect(acted).toEqual([
      ["add", ["lab"]],
      ["export", []],
    ]);
    expect(readFileSync(join(root, ".env"), "utf8")).toBe(
      `LAB_API_KEY=${keyOne}\nMINE_API_BASE=http://127.0.0.1:1/v1\nMINE_API_KEY=${keyTwo}\n`,
    );
    const text = desk.shown();
    expect(text).toContain("the same: proxy credentials add lab --key -");
    expect(text).toContain("nothing to export");
    expect(text).not.toMatch(/sk-(?:one|two)-1/);
  });
});
