import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test, vi } from "vitest";
import type { AccountKind } from "waygate";
import { iflow } from "waygate/plugins/iflow";
import { status } from "waygate/testing";
import { folder, storeIn } from "../_kind.ts";
import { lab, settings, visitor } from "./_lab.ts";
import { createIflow, type IflowFake, secret } from "./_iflow.ts";

async function withKind(run: (kind: AccountKind, fake: IflowFake) => Promise<void>): Promise<void> {
  await using fake = await createIflow();
  await run(iflow({ ...settings(fake), keys: [] }).accounts![0]!, fake);
}

describe("login", () => {
  test("goes by a browser, and ends with the key of the account", () =>
    withKind(async (kind, fake) => {
      const person = visitor();
      const fields = await kind.login(person);
      const { searchParams: asked } = new URL(person.shown[0]!.url!);
      expect(Object.fromEntries(asked)).toEqual({
        loginMethod: "phone",
        type: "phone",
        client_id: "10009311001",
        state: expect.stringMatching(/.{16,}/),
        redirect: expect.stringMatching(/^http:\/\/localhost:\d+\/oauth2callback$/),
      });
      expect(fields).toMatchObject({
        access_token: expect.stringMatching(/^fake-access/),
        refresh_token: expect.stringMatching(/^fake-refresh/),
        api_key: fake.keyOf("new@example.com"),
        email: "new@example.com",
        expiry_date: expect.stringMatching(/^\d{4}-.*Z$/),
      });
      expect(kind.identify(fields)).toBe("new@example.com");
      expect(JSON.stringify(fields)).not.toContain(secret);
      await vi.waitFor(() => expect(person.pages).toEqual([{ status: 200, text: "<html>/oauth/success</html>" }]));
    }));

  test("whoever has no e-mail address is called by the telephone's number", () =>
    withKind(async (kind, fake) => {
      fake.modes.user = { email: "", phone: "13800000000" };
      expect(kind.identify(await kind.login(visitor()))).toBe("13800000000");
    }));

  test("a person who says no is told, in the browser too", () =>
    withKind(async (kind, fake) => {
      fake.modes.deny = true;
      const person = visitor();
      await expect(kind.login(person)).rejects.toThrow(/access_denied/);
      await vi.waitFor(() => expect(person.pages[0]?.text).toContain("/oauth/error"));
    }));

  test("an answer to another login is not taken", () =>
    withKind(async (kind, fake) => {
      fake.modes.state = "of-another";
      await expect(kind.login(visitor())).rejects.toThrow(/belongs to another login/);
      expect(fake.grants).toEqual([]);
    }));

  test("where no browser can reach the callback, a pasted address does as well", () =>
    withKind(async (kind) => {
      let shown = "";
      const person = visitor({
        headless: true,
        show: ({ url = "" }) => void (shown = url),
        ask: async () => (await fetch(shown, { redirect: "manual" })).headers.get("location")!,
      });
      expect(await kind.login(person)).toHaveProperty("api_key");
    }));

  test("a port that is taken is told, with the variable that changes it", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as AddressInfo;
    await withKind(async (kind) => {
      await expect(kind.login(visitor({ port }))).rejects.toThrow(new RegExp(`${port}.*IFLOW_OAUTH_PORT`, "s"));
    });
    taken.close();
  });

  test("the port comes from the option, else from IFLOW_OAUTH_PORT", () =>
    withKind(async (_, fake) => {
      const probe = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => probe.once("listening", resolve));
      const { port } = probe.address() as AddressInfo;
      await new Promise((resolve) => probe.close(resolve));
      vi.stubEnv("IFLOW_OAUTH_PORT", String(port));
      const kind = iflow({ ...settings(fake), keys: [] }).accounts![0]!;
      const person = visitor({ port: undefined });
      await kind.login(person);
      expect(person.shown[0]!.url).toContain(encodeURIComponent(`http://localhost:${port}/`));
    }));

  test("without the client secret nobody is sent to a browser, and where to get it is told", () =>
    withKind(async (_, fake) => {
      vi.stubEnv("IFLOW_CLIENT_SECRET", "");
      const kind = iflow({ ...settings(fake), clientSecret: undefined, keys: [] }).accounts![0]!;
      const person = visitor();
      await expect(kind.login(person)).rejects.toThrow(/IFLOW_CLIENT_SECRET.*proxy credentials import iflow/s);
      expect(person.shown).toEqual([]);
      vi.stubEnv("IFLOW_CLIENT_SECRET", secret);
      expect(await kind.login(visitor())).toHaveProperty("api_key");
    }));

  test("a wrong secret is told, and is not repeated", () =>
    withKind(async (_, fake) => {
      const kind = iflow({ ...settings(fake), clientSecret: "wrong-secret-of-a-test", keys: [] }).accounts![0]!;
      const error: unknown = await kind.login(visitor()).catch((thrown: unknown) => thrown);
      expect(String(error)).toMatch(/client secret/);
      expect(JSON.stringify(error) + String(error)).not.toContain("wrong-secret-of-a-test");
    }));

  test("tokens that are refused with 200, and an account without a key, are told", () =>
    withKind(async (kind, fake) => {
      fake.modes.nextToken.push(status(200, { success: false, message: "code is used", data: null }));
      await expect(kind.login(visitor())).rejects.toThrow(/code is used/);
      fake.modes.nextUser.push(status(200, { success: true, data: { apiKey: "", email: "x" } }));
      await expect(kind.login(visitor())).rejects.toThrow(/no API key/);
    }));

  test("the status of the service is told at start, once (report 51)", async () => {
    await using it = await lab();
    expect(it.proxy.logged.filter((line) => line.includes("closed on 17 April 2026"))).toHaveLength(1);
  });
});

describe("new tokens", () => {
  test.each([false, true])("G2 rotate, and bring the account's key of now (in an envelope: %s)", (wrap) =>
    withKind(async (kind, fake) => {
      fake.modes.wrap = wrap;
      const before = fake.signedIn("a@example.com");
      const after = await kind.refresh({ ...before, unknown: 7 }, visitor());
      expect(after).toMatchObject({
        unknown: 7,
        api_key: fake.keyOf("a@example.com"),
        email: "a@example.com",
        _proxy_metadata: { email: "a@example.com", last_check_timestamp: 5, credential_type: "oauth" },
      });
      expect(after["api_key"]).not.toBe(before["api_key"]);
      expect(after["refresh_token"]).not.toBe(before["refresh_token"]);
      await expect(kind.refresh(before, visitor())).rejects.toMatchObject({ kind: "credential_invalid" });
      expect(await kind.refresh(after, visitor())).toHaveProperty("api_key");
    }),
  );

  test("last an hour where the answer does not say", () =>
    withKind(async (kind, fake) => {
      fake.modes.lifetime = undefined;
      const { expiry_date: end } = await kind.refresh(fake.signedIn("a@example.com"), visitor());
      expect(Date.parse(String(end)) - Date.now()).toBeGreaterThan(59 * 60_000);
      expect(Date.parse(String(end)) - Date.now()).toBeLessThanOrEqual(3_600_000);
    }));

  test.each([
    ["fails", status(500, "")],
    ["is no JSON", status(200, "<html>closed</html>")],
    ["has no key", status(200, { success: false, message: "busy", data: null })],
  ])("are kept although the question for the key %s, because the old refresh token is used up", (_, nothing) =>
    withKind(async (kind, fake) => {
      const before = fake.signedIn("a@example.com");
      fake.modes.nextUser.push(nothing);
      const person = visitor();
      const after = await kind.refresh(before, person);
      expect(after["refresh_token"]).not.toBe(before["refresh_token"]);
      expect(after["api_key"]).toBe(before["api_key"]);
      // The next try is soon.
      expect(kind.expiresAt!(after)! - Date.now()).toBeLessThanOrEqual(600_000);
      expect(person.warnings.join()).toMatch(/the key of before/);
      expect(person.warnings.join()).not.toContain("fake-access");
      expect((await kind.refresh(after, visitor()))["api_key"]).toBe(fake.keyOf("a@example.com"));
    }),
  );

  test("G3 a refusal in an envelope asks for a login", () =>
    withKind(async (kind, fake) => {
      fake.modes.nextToken.push(status(200, { success: false, message: "refresh token is wrong", data: null }));
      await expect(kind.refresh(fake.signedIn("a@example.com"), visitor())).rejects.toMatchObject({
        kind: "credential_invalid",
        message: expect.stringContaining("proxy login iflow"),
      });
    }));
});

describe("files and variables", () => {
  const kind = iflow({ keys: [], clientSecret: secret }).accounts![0]!;
  const seed = {
    access_token: "a",
    refresh_token: "r",
    api_key: "sk-1",
    email: "a@example.com",
    expiry_date: "2026-01-01T00:00:00.000Z",
    token_type: "bearer",
    scope: "read write",
    _proxy_metadata: { email: "a@example.com", last_check_timestamp: 5, credential_type: "oauth" },
  };
  const cookie = {
    api_key: "sk-2",
    cookie: "BXAuth=x",
    email: "b@example.com",
    expire: "2026-01-01 00:00",
    _proxy_metadata: { email: "b@example.com", credential_type: "cookie" },
  };

  test("those of LLM-API-Key-Proxy are taken as they are, also those that signed in with a cookie", () => {
    expect(kind.adopt(seed)).toEqual(seed);
    expect(kind.expiresAt!(seed)).toBe(Date.UTC(2026, 0, 1));
    expect(kind.adopt(cookie)).toEqual(cookie);
    // Nothing here renews it, so that no end of it is known.
    expect(kind.expiresAt!(cookie)).toBeUndefined();
  });

  test("those of iFlow's own program and of CLIProxyAPI are understood", () => {
    expect(
      kind.adopt({ access_token: "a", refresh_token: "r", apiKey: "sk-1", expiry_date: 1_767_225_600_000 }),
    ).toEqual({
      access_token: "a",
      refresh_token: "r",
      api_key: "sk-1",
      expiry_date: "2026-01-01T00:00:00.000Z",
    });
    const foreign = { ...seed, type: "iflow", expired: "2026-01-01T08:00:00+08:00", expiry_date: undefined! };
    expect(kind.adopt(foreign)).toMatchObject({ expiry_date: "2026-01-01T00:00:00.000Z" });
  });

  test("without a key, or of another service, they are none", () => {
    expect(kind.adopt({ access_token: "a", refresh_token: "r" })).toBeUndefined();
    expect(kind.adopt({ ...seed, client_id: "x.apps.googleusercontent.com" })).toBeUndefined();
  });

  test("one that never says when it ends is renewed at once, where that is possible", () => {
    const { expiry_date: _, ...endless } = seed;
    expect(kind.expiresAt!(endless)).toBe(0);
    vi.stubEnv("IFLOW_CLIENT_SECRET", "");
    expect(iflow({ keys: [] }).accounts![0]!.expiresAt!(seed)).toBeUndefined();
  });

  test("what has no name is told apart by its key", () => {
    const [one, other] = [{ api_key: "sk-1" }, { api_key: "sk-2" }].map((fields) => kind.identify(fields));
    expect(one).toMatch(/^[\da-f]{32}$/);
    expect(one).not.toBe(other);
  });

  test("a file with a cookie's key is imported under any name", async () => {
    const root = folder({ "iflow_cookie_1.json": cookie });
    const store = storeIn(root);
    const [imported] = await store.importFile(kind, `${root}/iflow_cookie_1.json`);
    expect(imported).toMatchObject({ outcome: "added", account: { fields: cookie } });
  });

  test("variables make accounts when all three are set, and go out as variables again", async () => {
    const env = {
      IFLOW_1_ACCESS_TOKEN: "a",
      IFLOW_1_REFRESH_TOKEN: "r",
      IFLOW_1_API_KEY: "sk-1",
      IFLOW_1_EXPIRY_DATE: "2026-01-01T00:00:00Z",
      IFLOW_1_EMAIL: "a@example.com",
      IFLOW_2_ACCESS_TOKEN: "half",
    };
    const store = storeIn(folder(), { env });
    const { accounts, broken } = await store.list(kind);
    expect(accounts.map(({ fields }) => fields)).toEqual([
      {
        access_token: "a",
        refresh_token: "r",
        api_key: "sk-1",
        expiry_date: "2026-01-01T00:00:00.000Z",
        _proxy_metadata: { email: "a@example.com" },
      },
    ]);
    expect(broken[0]!.path).toContain("IFLOW_2_API_KEY");
    expect(store.exportEnv(kind, accounts[0]!, 3).text).toContain("IFLOW_3_API_KEY=sk-1");
  });

  test("the key of an account in variables is no plain key", async () => {
    vi.stubEnv("IFLOW_1_API_KEY", "sk-of-an-account");
    vi.stubEnv("IFLOW_API_KEY", "plain-key-of-somebody");
    await using it = await lab({ accounts: () => [], iflow: { keys: undefined } });
    const keys = it.proxy.app.credentials.list("iflow").map(({ data }) => (data as { key?: string }).key);
    expect(keys).toEqual(["plain-key-of-somebody"]);
  });
});

describe("check", () => {
  test("tells whether the key that is kept is the account's", async () => {
    await using it = await lab();
    const [fields] = await it.kept();
    expect(await it.kind.check(fields!, visitor())).toEqual({
      email: "a@example.com",
      notes: ["its key is the one kept"],
    });
    it.iflow.renewKey("a@example.com");
    expect((await it.kind.check(fields!, visitor())).notes).toEqual(["it has a new key, taken with the next renewal"]);
    expect((await it.kind.check({ api_key: "sk-2" }, visitor())).notes).toEqual([
      expect.stringContaining("without tokens"),
    ]);
  });

  test("tells that a token is worth nothing", async () => {
    await using it = await lab();
    const [fields] = await it.kept();
    await expect(it.kind.check({ ...fields!, access_token: "gone" }, visitor())).rejects.toMatchObject({
      kind: "credential_invalid",
    });
  });
});
