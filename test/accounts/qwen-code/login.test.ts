import { describe, expect, test, vi } from "vitest";
import type { AccountFields, AccountKind } from "waygate";
import { qwenCode } from "waygate/plugins/qwen-code";
import { status } from "waygate/testing";
import { folder, storeIn } from "../_kind.ts";
import { quickContext, testPerson, type TestPerson } from "../oauth/_person.ts";
import { lab, settings } from "./_lab.ts";
import { createQwen, type QwenFake, refusals } from "./_qwen.ts";

function visitor(more: Partial<TestPerson> = {}): TestPerson & { readonly pauses: number[] } {
  const quick = quickContext();
  return { ...testPerson({ ...quick, browser: false, ...more }), pauses: quick.pauses };
}

async function withKind(run: (kind: AccountKind, qwen: QwenFake) => Promise<void>): Promise<void> {
  await using qwen = await createQwen();
  await run(qwenCode({ ...settings(qwen), keys: [] }).accounts![0]!, qwen);
}

describe("login", () => {
  test("shows the address and the code, waits while nobody has agreed, and keeps what came", () =>
    withKind(async (kind, qwen) => {
      const person = visitor();
      const fields = await kind.login(person);
      expect(person.shown).toEqual([
        { text: expect.any(String), url: `${qwen.url}/authorize?user_code=WXYZ-1234`, code: "WXYZ-1234" },
      ]);
      // Without a word of the server five seconds are usual.
      expect(person.pauses).toEqual([5000, 5000, 5000]);
      expect(fields).toMatchObject({
        access_token: expect.stringMatching(/^fake-access/),
        refresh_token: expect.stringMatching(/^fake-refresh/),
        resource_url: `http://${qwen.host}`,
        expiry_date: expect.any(Number),
      });
    }));

  test.each([429, 400] as const)("asks less often after slow_down as %i, at most every 10 s", (code) =>
    withKind(async (kind, qwen) => {
      qwen.modes.slowDown = code;
      qwen.modes.interval = 8;
      const person = visitor();
      await kind.login(person);
      expect(person.pauses).toEqual([8000, 10_000, 10_000, 10_000]);
    }),
  );

  test.each([
    ["expired", /not finished/],
    ["unknown", /not finished/],
    ["denied", /did not grant access.*said no/s],
    ["limited", /refuses to be asked/],
  ] as const)("ends when the code is %s", (end, message) =>
    withKind(async (kind, qwen) => {
      qwen.modes.end = end;
      await expect(kind.login(visitor())).rejects.toThrow(message);
    }),
  );

  test("ends when the person gives up", () =>
    withKind(async (kind, qwen) => {
      qwen.modes.pending = 1000;
      const control = new AbortController();
      const login = kind.login({ ...visitor(), signal: control.signal });
      await vi.waitFor(() => expect(qwen.grants.length).toBeGreaterThan(1));
      control.abort(new Error("given up"));
      await expect(login).rejects.toThrow("given up");
    }));

  test("the address of the account is the person's to say, because the service tells nobody", () =>
    withKind(async (kind, qwen) => {
      qwen.modes.pending = 0;
      const asked = await kind.login(visitor({ ask: () => Promise.resolve(" Me@example.com ") }));
      expect(kind.identify(asked)).toBe("Me@example.com");
      expect(kind.identify(await kind.login(visitor({ account: "you@example.com" })))).toBe("you@example.com");
      for (const ask of [() => Promise.resolve("-"), () => Promise.reject(new Error("stdin has ended"))]) {
        expect(await kind.login(visitor({ ask }))).not.toHaveProperty("_proxy_metadata");
      }
    }));

  test("the status of the service is told at start, once (report 50)", async () => {
    await using it = await lab();
    expect(it.proxy.logged.filter((line) => line.includes("discontinued"))).toHaveLength(1);
  });
});

describe("new tokens", () => {
  test("G2 the refresh token that comes back takes the place of the old one, which is worth nothing any more", () =>
    withKind(async (kind, qwen) => {
      const before: AccountFields = { ...qwen.signedIn("a@example.com"), unknown: 7 };
      const after = await kind.refresh(before, quickContext());
      expect(after).toMatchObject({ unknown: 7, _proxy_metadata: { email: "a@example.com" } });
      expect(after["refresh_token"]).not.toBe(before["refresh_token"]);
      await expect(kind.refresh(before, quickContext())).rejects.toMatchObject({ kind: "credential_invalid" });
      expect(await kind.refresh(after, quickContext())).toMatchObject({ access_token: expect.any(String) });
    }));

  test("an answer with 200 and nothing in it is a failure, and the old tokens stay good", () =>
    withKind(async (kind, qwen) => {
      for (const nothing of [status(200, ""), status(200, "<html>busy</html>"), status(200, "null")]) {
        qwen.modes.next.push(nothing);
        const fields = qwen.signedIn("a@example.com");
        await expect(kind.refresh(fields, quickContext())).rejects.toMatchObject({ kind: "upstream" });
        expect(await kind.refresh(fields, quickContext())).toHaveProperty("access_token");
      }
    }));

  test("G3 refusals that only a login ends are told apart from those that pass", () =>
    withKind(async (kind, qwen) => {
      const rows = [
        [status(400, { error: "invalid_request" }), "credential_invalid"],
        [status(400, { error: "bad", error_description: "The token is invalid." }), "credential_invalid"],
        [status(401, ""), "credential_invalid"],
        [status(403, { error: "forbidden" }), "credential_invalid"],
        [status(400, { error: "temporarily_unavailable" }), "upstream"],
        [status(429, { error: "too_many" }), "rate_limited"],
      ] as const;
      for (const [answer, wanted] of rows) {
        qwen.modes.next.push(answer);
        await expect(kind.refresh(qwen.signedIn("a@example.com"), quickContext())).rejects.toMatchObject({
          kind: wanted,
        });
      }
    }));

  test("5xx is tried three times, 429 is waited for a minute", () =>
    withKind(async (kind, qwen) => {
      qwen.modes.next.push(status(502, ""), status(503, ""));
      const context = quickContext();
      expect(await kind.refresh(qwen.signedIn("a@example.com"), context)).toHaveProperty("access_token");
      expect(context.pauses).toEqual([1000, 2000]);
      qwen.modes.next.push(status(429, {}));
      const error = await kind.refresh(qwen.signedIn("a@example.com"), context).catch((thrown: unknown) => thrown);
      expect((error as { retryAt: number }).retryAt - Date.now()).toBeGreaterThan(55_000);
    }));
});

describe("files and variables", () => {
  const kind = qwenCode({ keys: [] }).accounts![0]!;
  const tokens = { access_token: "a", refresh_token: "r" };

  test("those of qwen-code and of LLM-API-Key-Proxy are taken as they are", () => {
    const own = { ...tokens, token_type: "Bearer", resource_url: "portal.qwen.ai", expiry_date: 1_760_000_000_000 };
    expect(kind.adopt(own)).toEqual(own);
    const seed = { ...own, _proxy_metadata: { email: "a@example.com", last_check_timestamp: 5 } };
    expect(kind.adopt(seed)).toEqual(seed);
    expect(kind.identify(seed)).toBe("a@example.com");
  });

  test("those of CLIProxyAPI say in words when they end, and one that does not say is renewed at once", () => {
    const foreign = { ...tokens, type: "qwen", email: "a@example.com", expired: "2026-01-01T00:00:00+08:00" };
    expect(kind.adopt(foreign)).toMatchObject({ expiry_date: Date.UTC(2025, 11, 31, 16), email: "a@example.com" });
    expect(kind.identify(foreign)).toBe("a@example.com");
    expect(kind.adopt(tokens)).toMatchObject({ expiry_date: 0 });
  });

  test("those of other services, and halves of some, are none", () => {
    expect(kind.adopt({ ...tokens, client_id: "1-google.apps.googleusercontent.com" })).toBeUndefined();
    expect(kind.adopt({ ...tokens, api_key: "sk-of-iflow" })).toBeUndefined();
    expect(kind.adopt({ access_token: "a" })).toBeUndefined();
    expect(kind.adopt({ refresh_token: "r", access_token: "" })).toBeUndefined();
  });

  test("an identity token tells one account from another", () => {
    const id_token = `e30.${Buffer.from('{"sub":"user-7"}').toString("base64url")}.c2ln`;
    expect(kind.identify({ ...tokens, id_token })).toBe("user-7");
    expect(kind.identify({ ...tokens, id_token: "broken" })).toBeUndefined();
  });

  test("the official file is found, and imported once", async () => {
    const path = "home/.qwen/oauth_creds.json";
    const root = folder({ [path]: { ...tokens, expiry_date: 5, _proxy_metadata: { email: "a@example.com" } } });
    const store = storeIn(root);
    const [first] = await store.importFile(kind, `${root}/${path}`);
    const [again] = await store.importFile(kind, `${root}/${path}`);
    expect([first?.outcome, again?.outcome]).toEqual(["added", "kept"]);
    expect((await store.list(kind)).accounts).toHaveLength(1);
  });

  test("variables make accounts, and go out as variables again", async () => {
    const store = storeIn(folder(), {
      env: {
        QWEN_CODE_2_ACCESS_TOKEN: "a2",
        QWEN_CODE_2_REFRESH_TOKEN: "r2",
        QWEN_CODE_2_EXPIRY_DATE: "1760000000000",
        QWEN_CODE_2_RESOURCE_URL: "portal.qwen.ai",
        QWEN_CODE_2_EMAIL: "a@example.com",
        QWEN_CODE_API_KEY: "a-plain-key",
      },
    });
    const { accounts, broken } = await store.list(kind);
    expect(broken).toEqual([]);
    expect(accounts.map(({ fields }) => fields)).toEqual([
      {
        access_token: "a2",
        refresh_token: "r2",
        expiry_date: 1_760_000_000_000,
        resource_url: "portal.qwen.ai",
        _proxy_metadata: { email: "a@example.com" },
      },
    ]);
    const { fileName, text } = store.exportEnv(kind, accounts[0]!, 1);
    expect(fileName).toBe("qwen_code_credential_1.env");
    expect(text).toContain("QWEN_CODE_1_RESOURCE_URL=portal.qwen.ai");
  });
});

describe("check", () => {
  test("asks which models the account has", async () => {
    await using it = await lab();
    const [fields] = await it.kept();
    expect(await it.kind.check(fields!, quickContext())).toEqual({
      email: "a@example.com",
      notes: [`asks ${it.qwen.host}`, "models: qwen3-coder-plus, coder-model, qwen-of-this-account"],
    });
  });

  test("tells that the service has ended, and that a token is worth nothing (report 50)", async () => {
    await using it = await lab();
    const [fields] = await it.kept();
    it.qwen.modes.refuse.set("a@example.com", refusals.discontinued);
    const check = it.kind.check(fields!, quickContext());
    await expect(check).rejects.toMatchObject({
      kind: "credential_invalid",
      message: expect.stringMatching(/discontinued/),
    });
    it.qwen.expire(fields!["access_token"]);
    await expect(it.kind.check(fields!, quickContext())).rejects.toMatchObject({ kind: "credential_invalid" });
  });
});
