/** The commands as they are typed. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readArguments } from "../../src/cli/arguments.ts";
import { credentials } from "../../src/cli/credentials.ts";
import { bin, compileCache } from "../_built.ts";
import { fakeTerminal } from "../cli/fake-terminal.ts";
import { run, startServer } from "../cli/spawn.ts";
import { fieldsOf, folder } from "./_kind.ts";

const config = `
import { defineConfig } from "waygate";
const kind = {
  provider: "fake_cli", title: "Fake CLI", risk: "It may stop any day.", prefix: "FAKE_CLI", officialFiles: [],
  variables: [
    { suffix: "_ACCESS_TOKEN", field: "access_token", required: true },
    { suffix: "_REFRESH_TOKEN", field: "refresh_token", required: true },
  ],
  identify: (fields) => fields.email,
  adopt: (fields) => fields,
  async login(person) {
    const email = await person.ask("The address?", person.signal);
    return { access_token: "at-secret", refresh_token: "rt-secret", email };
  },
  refresh: async (fields) => fields,
  check: async () => ({}),
};
export default defineConfig({ plugins: [{ name: "fake", accounts: [kind] }] });
`;

test("an account is signed in to with a piped address, listed, exported and removed", async () => {
  const cwd = folder({ "proxy.config.mjs": config });
  const env = { HOME: cwd };
  const child = spawn(process.execPath, [bin, "login", "fake_cli", "--paste"], {
    cwd,
    env: { ...env, ...compileCache, PATH: process.env["PATH"] },
  });
  child.stdin.end("mia@example.com\n");
  expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(0);
  expect(readdirSync(join(cwd, ".waygate/credentials/fake_cli"))).toEqual(["mia.json"]);

  const list = await run(["credentials", "list", "--json"], { cwd, env });
  expect(JSON.parse(list.stdout)).toMatchObject({ server: null, credentials: [{ name: "mia", state: "unknown" }] });
  const exported = await run(["credentials", "export", "--out", "-"], { cwd, env });
  expect(exported.stdout).toContain("FAKE_CLI_1_REFRESH_TOKEN=rt-secret");
  const removed = await run(["credentials", "remove", "fake_cli", "mia", "--yes"], { cwd, env });
  expect([list, removed].map(({ code }) => code)).toEqual([0, 0]);
  expect([list.stdout, removed.stdout].join("")).not.toContain("-secret");
  expect(readdirSync(join(cwd, ".waygate/credentials/fake_cli"))).toEqual([]);
});

test("what a running server knows of an account is what the list shows", async () => {
  const running = config
    .replace(
      "import { defineConfig }",
      "import { accountId, accountStore, defineConfig, defineCredential, defineProvider }",
    )
    .replace(
      "export default defineConfig({ plugins: [",
      `const provider = defineProvider({ name: "fake_cli", protocol: "openai-chat", models: ["m"], prepare() { throw new Error("no"); } });
async function setup(app) {
  const store = accountStore({ dataDir: app.config.dataDir, cwd: app.root });
  for (const account of (await store.list(kind)).accounts) {
    const id = accountId(kind, account);
    app.credentials.add(defineCredential({ id, provider: "fake_cli", label: account.fields.email }, account));
    app.credentials.rest({ provider: "fake_cli", credential: id }, { state: "invalid", until: Infinity, reason: "needs_login: withdrawn" });
  }
}
export default defineConfig({ plugins: [{ name: "provider", providers: [provider], setup }, `,
    );
  const account = { email: "mia@example.com", access_token: "at-secret", refresh_token: "rt-secret" };
  const cwd = folder({ "proxy.config.mjs": running, ".waygate/credentials/fake_cli/mia.json": account });
  const env = { HOME: cwd };
  const { url } = await startServer(["--port", "0"], { cwd, env });
  const { stdout } = await run(["credentials", "list", "--state", "need-you", "--json"], { cwd, env });
  expect(JSON.parse(stdout)).toEqual({
    server: url,
    credentials: [
      expect.objectContaining({ name: "mia", type: "account", state: "invalid", why: "needs_login: withdrawn" }),
    ],
  });
});

test("a provider that is spelt wrong is named with the nearest one, as wrong use", async () => {
  const cwd = folder({ "proxy.config.mjs": config });
  const { code, stderr, stdout } = await run(["login", "fake-clj"], { cwd, env: { HOME: cwd } });
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/✘ "fake-clj" has no accounts[^]*fix {2}proxy login fake_cli/);
});

test("a broken file is what check fails for, and JSON says what to do", async () => {
  const cwd = folder({
    "proxy.config.mjs": config,
    ".waygate/credentials/fake_cli/mia.json": '{"access_token":"at-sec',
  });
  const { code, stdout } = await run(["credentials", "check", "--json"], { cwd, env: { HOME: cwd } });
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ checked: [{ provider: "fake_cli", key: "mia", state: "failed" }] });
  expect(stdout).not.toContain("at-sec");
});

describe("arguments", () => {
  test("the seed's flag opens the same menu", () => {
    expect(readArguments(["--add-credential"])).toMatchObject({ command: "credentials", operands: [] });
    expect(readArguments(["--add-credential"]).problem).toBeUndefined();
  });

  test("secrets and streams are written as a dash", () => {
    const { values, problem } = readArguments(["credentials", "add", "openai", "--key", "-"]);
    expect([values["key"], problem]).toEqual(["-", undefined]);
  });

  test.each([
    [[], /needs to know what to do/],
    [["lst"], /cannot "lst"[^]*proxy credentials list/],
    [["toString"], /cannot "toString"/],
    [["list", "a", "b"], /does not take "b"/],
  ])("%o is wrong use", async (operands, message) => {
    const call = { terminal: fakeTerminal({ cwd: folder() }), values: {}, operands };
    await expect(credentials(call)).rejects.toThrow(message);
  });

  test("an option of another act is wrong use", async () => {
    const call = { terminal: fakeTerminal({ cwd: folder() }), values: { combine: true }, operands: ["list"] };
    await expect(credentials(call)).rejects.toThrow(/list does not take --combine/);
  });
});

test("nothing of an account is in what a failed command says", async () => {
  const fields = fieldsOf("mia@example.com", { client: "other_cli" });
  const cwd = folder({ "proxy.config.mjs": config, "x.json": JSON.stringify(fields).slice(0, 50) });
  const { code, stderr } = await run(["credentials", "import", "fake_cli", "x.json"], { cwd, env: { HOME: cwd } });
  expect(code).toBe(1);
  expect(stderr).toMatch(/account_broken[^]*only the beginning/);
  expect(stderr).not.toContain("at-mia");
});
