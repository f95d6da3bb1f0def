import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AccountFields } from "waygate";
import { geminiCli } from "waygate/plugins/gemini-cli";
import { installedSecret } from "../../../plugins/gemini-cli/secret.ts";
import { createGoogle } from "../_google/google.ts";
import { refusal } from "../_google/oauth.ts";
import { reservePorts } from "../oauth/_ports.ts";
import { clientId, lab, secret, settings, visitor } from "./_lab.ts";

afterEach(() => vi.unstubAllEnvs());

describe("login", () => {
  test("a new account is signed in to and taken on", async () => {
    await using it = await lab({ accounts: {} });
    it.google.control.mode = "new";
    it.google.control.pending = 2;
    const fields = await it.kind.login(visitor());
    expect(fields).toMatchObject({
      client_id: clientId,
      refresh_token: expect.stringMatching(/^fake-refresh/),
      _proxy_metadata: {
        email: "u@example.com",
        project_id: "fancy-words-0a1b2",
        tier: "FREE",
        tier_full: "free-tier",
      },
    });
    // The secret is not the account's.
    expect(JSON.stringify(fields)).not.toContain(secret);
    const calls = it.google.controlled.map(({ method }) => method);
    expect(calls).toEqual(["loadCodeAssist", "onboardUser", "operations", "operations"]);
    expect(it.google.controlled[1]?.body).toEqual({
      tierId: "free-tier",
      metadata: { ideType: "IDE_UNSPECIFIED", platform: "PLATFORM_UNSPECIFIED", pluginType: "GEMINI" },
    });
  });

  test("google 14.1 an account that Google serves no longer is kept, and what is wrong is told", async () => {
    await using it = await lab({ accounts: {} });
    it.google.control.mode = "unsupported";
    const person = visitor();
    const fields = await it.kind.login(person);
    expect(fields["refresh_token"]).toBeDefined();
    expect(person.warnings.join("\n")).toMatch(/cannot be used yet.*UNSUPPORTED_CLIENT.*API key/s);
  });

  test("an account that has to be verified is kept, and the address is shown", async () => {
    await using it = await lab({ accounts: {} });
    it.google.control.mode = "validation";
    const person = visitor();
    await it.kind.login(person);
    expect(person.warnings.join("\n")).toContain("https://accounts.google.com/signin/continue?plt=2");
  });

  test("google 14.12 a browser that visits the callback twice redeems the code once", async () => {
    await using it = await lab({ accounts: {} });
    const pages: string[] = [];
    const open = async (url: string): Promise<void> => {
      const { headers } = await fetch(url, { redirect: "manual" });
      const callback = headers.get("location")!;
      const visits = await Promise.all([fetch(callback), fetch(callback)]);
      pages.push(...(await Promise.all(visits.map((visit) => visit.text()))));
    };
    await it.kind.login(visitor({ open: (url) => void open(url) }));
    await vi.waitFor(() => expect(pages).toHaveLength(2));
    expect(pages[0]).toBe(pages[1]);
    expect(it.google.oauth.grants).toEqual(["authorization_code"]);
  });

  test("google 14.51 where no browser can reach the callback, a pasted address does as well", async () => {
    await using it = await lab({ accounts: {}, cli: { pasteRedirect: false } });
    let shown = "";
    const person = visitor({
      headless: true,
      show: ({ url = "" }) => void (shown = url),
      ask: async () => (await fetch(shown, { redirect: "manual" })).headers.get("location")!,
    });
    expect((await it.kind.login(person))["refresh_token"]).toBeDefined();
  });

  test("google 14.51 by default the code is shown on Google's own page", async () => {
    await using it = await lab({ accounts: {} });
    let shown = "";
    const person = visitor({
      headless: true,
      show: ({ url = "" }) => void (shown = url),
      ask: async () => {
        const back = (await fetch(shown, { redirect: "manual" })).headers.get("location")!;
        expect(back).toMatch(/^https:\/\/codeassist\.google\.com\/authcode\?/);
        return new URL(back).searchParams.get("code")!;
      },
    });
    expect((await it.kind.login(person))["refresh_token"]).toBeDefined();
  });

  test.each(["EADDRINUSE", "EACCES"] as const)(
    "google 14.35 a usual port of the callback that cannot be had (%s) gives way to one that is free",
    async (code) => {
      vi.stubEnv("GEMINI_CLI_OAUTH_PORT", undefined);
      reservePorts([8085], code);
      await using it = await lab({ accounts: {} });
      let redirect = "";
      const open = (url: string): void => {
        redirect = new URL(url).searchParams.get("redirect_uri")!;
        void fetch(url);
      };
      const fields = await it.kind.login(visitor({ port: undefined, open }));
      expect(fields["refresh_token"]).toBeDefined();
      expect(redirect).toMatch(/^http:\/\/localhost:(?!8085)\d+\/oauth2callback$/);
    },
  );

  test("google 14.35 a port that the user has named is that one or none, and the error says what to do", async () => {
    vi.stubEnv("GEMINI_CLI_OAUTH_PORT", "8086");
    reservePorts([8086, 8087], "EACCES");
    await using it = await lab({ accounts: {} });
    const problem = { code: "login_port", fix: expect.stringContaining("GEMINI_CLI_OAUTH_PORT") };
    for (const person of [visitor({ port: undefined }), visitor({ port: 8087 })]) {
      await expect(it.kind.login(person)).rejects.toMatchObject({ problems: [problem] });
    }
  });

  test("a person who says no, and a wrong secret, are told", async () => {
    await using it = await lab({ accounts: {} });
    it.google.oauth.modes.deny = true;
    await expect(it.kind.login(visitor())).rejects.toThrow(/access_denied/);
    it.google.oauth.modes.deny = false;
    it.google.oauth.modes.next.push(refusal(401, "invalid_client", "The OAuth client was not found."));
    await expect(it.kind.login(visitor())).rejects.toThrow(/invalid_client|client/);
  });
});

describe("tokens", () => {
  test("a refresh token that comes back is kept, else the old one", async () => {
    await using it = await lab();
    const before = await it.fields("u@example.com");
    const same = await it.kind.refresh(before, visitor());
    expect([same["refresh_token"], same["access_token"] === before["access_token"]]).toEqual([
      before["refresh_token"],
      false,
    ]);
    it.google.oauth.modes.rotate = true;
    expect((await it.kind.refresh(same, visitor()))["refresh_token"]).not.toBe(before["refresh_token"]);
  });

  test("G3 one that was revoked asks for a new login", async () => {
    await using it = await lab();
    const fields = await it.fields("u@example.com");
    it.google.oauth.revoke(String(fields["refresh_token"]));
    await expect(it.kind.refresh(fields, visitor())).rejects.toMatchObject({
      kind: "credential_invalid",
      message: expect.stringContaining("proxy login gemini_cli"),
    });
  });

  test("google 14.13 accounts with a client of their own are renewed as that client", async () => {
    await using google = await createGoogle({ clients: { other: "its-secret" } });
    const kind = geminiCli(settings(google)).accounts![0]!;
    const fields: AccountFields = { ...google.oauth.signedIn("u@example.com", "other"), client_secret: "its-secret" };
    expect((await kind.refresh(fields, visitor()))["access_token"]).not.toBe(fields["access_token"]);
  });
});

describe("files of other tools", () => {
  const kind = geminiCli({ clientSecret: secret }).accounts![0]!;
  const tokens = { access_token: "a", refresh_token: "r", expiry_date: 5 };
  const idToken = `e30.${Buffer.from('{"email":"U@example.com"}').toString("base64url")}.c2ln`;

  test("that of Gemini CLI itself is an account, named by its identity token", () => {
    const own = kind.adopt({ ...tokens, id_token: idToken, scope: "openid" })!;
    expect(own).toEqual({ ...tokens, id_token: idToken, scope: "openid", _proxy_metadata: { email: "U@example.com" } });
    expect(kind.identify(own)).toBe("u@example.com");
  });

  test("times in words are read, and one that is missing means: renew at once", () => {
    expect(kind.adopt({ access_token: "a", refresh_token: "r", token_expiry: "2026-01-01T00:00:00Z" })).toMatchObject({
      expiry_date: Date.UTC(2026, 0, 1),
    });
    expect(kind.adopt({ access_token: "a", refresh_token: "r" })).toMatchObject({ expiry_date: 0 });
  });

  test("google 14.40 those of Antigravity are none of this provider's", () => {
    const client_id = "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com";
    expect(kind.adopt({ ...tokens, client_id })).toBeUndefined();
  });

  test("those without a refresh token are none", () => {
    expect(kind.adopt({ access_token: "a" })).toBeUndefined();
  });

  test("without an address the refresh token tells one account from another, without being shown", () => {
    expect(kind.identify({ ...tokens })).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe("the client secret", () => {
  test("is found in the user's own installation", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waygate-secret-"));
    try {
      const bundle = join(folder, "lib/node_modules/@google/gemini-cli/bundle/gemini.js");
      await mkdir(dirname(bundle), { recursive: true });
      await mkdir(join(folder, "bin"));
      // Put together, so that nobody takes it for one.
      const made = ["GOCSPX", "fake", "secret", "of", "a", "test"].join("-");
      await writeFile(bundle, `var a="${clientId}";var b="${made}";`);
      await symlink(bundle, join(folder, "bin/gemini"));
      expect(installedSecret({ env: { PATH: ["/nowhere", join(folder, "bin")].join(delimiter) }, cwd: folder })).toBe(
        made,
      );
      await writeFile(
        bundle,
        `const OAUTH_CLIENT_ID = "${clientId}";\nconst OAUTH_CLIENT_SECRET = "another-fake-secret";`,
      );
      expect(installedSecret({ env: { PATH: join(folder, "bin") }, cwd: folder })).toBe("another-fake-secret");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("that is missing is told with where to get it, before a browser is opened", async () => {
    vi.stubEnv("GEMINI_CLI_CLIENT_SECRET", "");
    vi.stubEnv("PATH", "");
    const kind = geminiCli().accounts![0]!;
    let opened = false;
    const login = kind.login(visitor({ open: () => void (opened = true) }));
    await expect(login).rejects.toThrow(/GEMINI_CLI_CLIENT_SECRET.*@google\/gemini-cli/s);
    expect(opened).toBe(false);
  });
});

test("the provider prints its risk once at the start", async () => {
  await using it = await lab();
  const lines = it.proxy.logged.filter((line) => line.includes("suspended"));
  expect(lines).toHaveLength(1);
});
