import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AccountFields, AccountKind, LoginPerson } from "../../src/accounts/types.ts";
import { ProxyError } from "../../src/failure/error.ts";
import { browserCommand, isHeadless, personAt } from "../../src/cli/credentials-person.ts";
import { Stopped } from "../../src/cli/credentials-prompts.ts";
import { signIn } from "../../src/cli/login.ts";
import { fakeDesk, person } from "./_desk.ts";
import { fakeKind, fieldsOf, folder } from "./_kind.ts";

const own = ".waygate/credentials/fake_cli";

/** Signs in as `email`, and keeps what it was given. */
function loginKind(email: string): AccountKind & { readonly people: LoginPerson[] } {
  const people: LoginPerson[] = [];
  const login = async (given: LoginPerson): Promise<AccountFields> => {
    people.push(given);
    given.show({ text: "Open this.", url: "https://example.com/auth?a=1&b=2", code: "ABCD-EFGH" });
    return fieldsOf(email);
  };
  return { ...fakeKind("fake_cli", { login }), people };
}

afterEach(() => vi.unstubAllEnvs());

test("a login shows the risk, the address and the code, keeps the account and says what is next", async () => {
  const root = folder();
  const kind = loginKind("mia@example.com");
  const desk = fakeDesk(root, { kinds: [kind] });
  expect(await signIn(desk, { kind, values: {}, prompts: undefined })).toBe(0);
  expect(desk.terminal.stdout).toEqual(["✔ fake_cli mia@example.com  added"]);
  const said = desk.shown();
  for (const part of [
    "It may stop any day.",
    "https://example.com/auth?a=1&b=2",
    "ABCD-EFGH",
    `${own}/mia.json`,
    "proxy start",
  ]) {
    expect(said).toContain(part);
  }
  expect(said).not.toMatch(/[ar]t-mia/);
  expect(JSON.parse(readFileSync(join(root, own, "mia.json"), "utf8"))).toEqual(fieldsOf("mia@example.com"));
});

test("a second login of the same account says that it was renewed", async () => {
  const kind = loginKind("mia@example.com");
  const desk = fakeDesk(folder(), { kinds: [kind] });
  await signIn(desk, { kind, values: {}, prompts: undefined });
  desk.shown();
  await signIn(desk, { kind, values: { account: "mia" }, prompts: undefined });
  expect(desk.terminal.stdout).toEqual(["✔ fake_cli mia@example.com  renewed; it was there already"]);
  expect(kind.people.map(({ account }) => account)).toEqual([undefined, "mia@example.com"]);
});

test("somebody else who signs in for a named account does not become it", async () => {
  const root = folder();
  const first = loginKind("mia@example.com");
  await signIn(fakeDesk(root, { kinds: [first] }), { kind: first, values: {}, prompts: undefined });
  const second = loginKind("eva@example.com");
  const desk = fakeDesk(root, { kinds: [second] });
  await signIn(desk, { kind: second, values: { account: "mia" }, prompts: undefined });
  expect(desk.shown()).toMatch(/another account than mia, which is as it was/);
  expect(JSON.parse(readFileSync(join(root, own, "mia.json"), "utf8"))).toEqual(fieldsOf("mia@example.com"));
  expect(readdirSync(join(root, own))).toHaveLength(2);
});

test("a provider that the config does not list is named with the line to add", async () => {
  const kind = loginKind("mia@example.com");
  const desk = fakeDesk(folder(), { others: [kind] });
  await signIn(desk, { kind, values: {}, prompts: undefined });
  expect(desk.shown()).toMatch(/import \{ fakeCli \} from "waygate\/plugins\/fake-cli";\n +fakeCli\(\),/);
});

test("for programs there is one document, without a token", async () => {
  const kind = loginKind("mia@example.com");
  const desk = fakeDesk(folder(), { kinds: [kind], json: true });
  await signIn(desk, { kind, values: {}, prompts: undefined });
  const [text = ""] = desk.terminal.stdout;
  expect(JSON.parse(text)).toMatchObject({
    provider: "fake_cli",
    account: "mia",
    email: "mia@example.com",
    renewed: false,
  });
  expect(text).not.toMatch(/[ar]t-mia/);
});

test("a folder that takes no file is told before anybody signs in", async () => {
  const kind = loginKind("mia@example.com");
  const desk = fakeDesk(folder({ ".waygate": "a file" }), { kinds: [kind] });
  await expect(signIn(desk, { kind, values: {}, prompts: undefined })).rejects.toThrow(/account_unsaved/);
  expect(kind.people).toEqual([]);
});

test("Ctrl C ends a login that waits, and nothing is saved", async () => {
  const root = folder();
  const kind = fakeKind("fake_cli", {
    login: ({ signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(new Error("what a flow makes of it")));
        setTimeout(() => process.emit("SIGINT"), 10);
      }),
  });
  const before = process.listenerCount("SIGINT");
  await expect(signIn(fakeDesk(root, { kinds: [kind] }), { kind, values: {}, prompts: undefined })).rejects.toThrow(
    Stopped,
  );
  expect(process.listenerCount("SIGINT")).toBe(before);
  expect(existsSync(join(root, own, "mia.json"))).toBe(false);
});

test("Esc at the question for the address ends the login, also one that waits for a callback", async () => {
  const kind = fakeKind("fake_cli", {
    async login({ ask, signal }) {
      await ask!("Paste the address", signal).catch(() => undefined);
      signal.throwIfAborted();
      return new Promise(() => undefined);
    },
  });
  const prompts = person(Stopped);
  await expect(signIn(fakeDesk(folder(), { kinds: [kind] }), { kind, values: {}, prompts })).rejects.toThrow(Stopped);
  expect(prompts.asked).toEqual(["Paste the address"]);
});

test("what a flow fails with is told with the provider and what to do, without secrets", async () => {
  const message = "the code was refused: ya29.abcdefghijklmnopqrstuvwxyz. Sign in again.";
  const login = (): Promise<never> => Promise.reject(new ProxyError({ kind: "credential_invalid", message }));
  const kind = fakeKind("fake_cli", { login });
  const asked = signIn(fakeDesk(folder(), { kinds: [kind] }), { kind, values: {}, prompts: undefined });
  await expect(asked).rejects.toThrow(/Nobody signed in to The fake_cli[^]*refused: \*\*\*[^]*proxy login fake_cli/);
});

test.each([["eighty"], ["70000"], ["-1"], ["80.5"]])("the port %s is refused", async (port) => {
  const kind = loginKind("mia@example.com");
  const desk = fakeDesk(folder(), { kinds: [kind] });
  await expect(signIn(desk, { kind, values: { port }, prompts: undefined })).rejects.toThrow(/--port is not/);
});

test("a port, and that nobody can be asked, reach the flow", async () => {
  const kind = loginKind("mia@example.com");
  await signIn(fakeDesk(folder(), { kinds: [kind] }), { kind, values: { port: "0", paste: true }, prompts: undefined });
  await signIn(fakeDesk(folder(), { kinds: [kind] }), { kind, values: {}, prompts: undefined });
  expect(kind.people.map(({ port, ask, headless }) => [port, typeof ask, headless])).toEqual([
    [0, "function", true],
    [undefined, "undefined", expect.any(Boolean)],
  ]);
});

test("accounts in the environment are said to keep the new file out of use", async () => {
  const kind = loginKind("mia@example.com");
  const root = folder();
  const desk = fakeDesk(root, { kinds: [kind] });
  const list = async (): Promise<object> => ({
    accounts: [
      { provider: "fake_cli", name: "env-1", fields: {}, origin: { kind: "environment", prefix: "FAKE_CLI_1" } },
    ],
    broken: [],
  });
  await signIn(
    { ...desk, store: { ...desk.store, list } as typeof desk.store },
    { kind, values: {}, prompts: undefined },
  );
  expect(desk.shown()).toMatch(/has accounts in the environment/);
});

describe("the browser", () => {
  test.each([
    ["linux", {}, ["xdg-open", "https://a.example/x?y=1&z=2"]],
    ["linux", { WSL_DISTRO_NAME: "Ubuntu" }, ["wslview", "https://a.example/x?y=1&z=2"]],
    ["darwin", {}, ["open", "https://a.example/x?y=1&z=2"]],
    ["win32", {}, ["rundll32", "url.dll,FileProtocolHandler", "https://a.example/x?y=1&z=2"]],
  ] as const)("is opened on %s %o without a shell", (platform, env, command) => {
    expect(browserCommand("https://a.example/x?y=1&z=2", env, platform)).toEqual(command);
  });

  test.each(["file:///etc/passwd", "javascript:alert(1)", "not an address", "--help"])("never gets %s", (url) => {
    expect(browserCommand(url, {}, "linux")).toBeUndefined();
  });

  test.each([
    [{ SSH_CONNECTION: "1 2 3 4" }, "darwin", true],
    [{ DISPLAY: ":0", SSH_TTY: "/dev/pts/1" }, "linux", true],
    [{}, "linux", true],
    [{ DISPLAY: ":0" }, "linux", false],
    [{ WAYLAND_DISPLAY: "wayland-0" }, "linux", false],
    [{ WSL_DISTRO_NAME: "Ubuntu" }, "linux", false],
    [{}, "win32", false],
  ] as const)("%o on %s cannot reach this process: %s", (env, platform, headless) => {
    expect(isHeadless(env, platform)).toBe(headless);
  });
});

test("text of a provider cannot steer the terminal", () => {
  const desk = fakeDesk(folder(), {});
  const { signal } = new AbortController();
  const context = desk.context(fakeKind(), signal);
  const init = {
    terminal: desk.terminal,
    context,
    prompts: undefined,
    isPasting: false,
    mayOpen: false,
    stop: () => undefined,
  };
  personAt(init).show({ text: "a\u001B[2Jb", url: "https://x/\u001B]0;", code: "1\r2" });
  expect(desk.shown()).not.toMatch(/[\u001B\r]/);
});
