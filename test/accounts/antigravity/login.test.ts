import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { antigravity } from "waygate/plugins/antigravity";
import { installedSecret, missingSecret } from "../../../plugins/antigravity/secret.ts";
import { reservePorts } from "../oauth/_ports.ts";
import { clientId, lab, visitor } from "./_lab.ts";

afterEach(() => vi.unstubAllEnvs());

describe("login", () => {
  test("signs in with a browser, and the account is taken on", async () => {
    await using it = await lab({ accounts: {} });
    it.google.control.mode = "new";
    const fields = await it.kind.login(visitor());
    expect(fields).toMatchObject({
      client_id: clientId,
      refresh_token: expect.stringMatching(/^fake-refresh/),
      _proxy_metadata: { email: "u@example.com", project_id: "fancy-words-0a1b2", tier: "FREE" },
    });
    const onboarding = it.google.controlled.find(({ method }) => method === "onboardUser");
    expect(onboarding).toEqual({
      host: "daily",
      method: "onboardUser",
      body: {
        tier_id: "free-tier",
        metadata: { ide_type: "ANTIGRAVITY", ide_version: expect.any(String), ide_name: "antigravity" },
      },
    });
  });

  test("answers both paths of the callback, and asks for all scopes", async () => {
    await using it = await lab({ accounts: {} });
    const fields = await it.kind.login(
      visitor({
        open(url) {
          const asked = new URL(url);
          expect(
            asked.searchParams
              .get("scope")
              ?.split(" ")
              .map((scope) => scope.split("/").at(-1)),
          ).toEqual(["cloud-platform", "userinfo.email", "userinfo.profile", "cclog", "experimentsandconfigs"]);
          expect(asked.searchParams.get("redirect_uri")).toMatch(/\/oauthcallback$/);
          void fetch(url, { redirect: "manual" }).then(async (response) => {
            const back = response.headers.get("location")!.replace("/oauthcallback", "/oauth-callback");
            await fetch(back);
          });
        },
      }),
    );
    expect(fields["access_token"]).toEqual(expect.any(String));
  });

  test("google 14.35 a port of the callback that the system keeps for itself gives way to another", async () => {
    vi.stubEnv("ANTIGRAVITY_OAUTH_PORT", undefined);
    await using it = await lab({ accounts: {} });
    const redirects: (string | null)[] = [];
    const open = (url: string): void => {
      redirects.push(new URL(url).searchParams.get("redirect_uri"));
      void fetch(url);
    };
    const range = [51_121, 51_122, 51_123, 51_124, 51_125, 51_126];
    reservePorts(range, "EACCES");
    expect((await it.kind.login(visitor({ port: undefined, open })))["refresh_token"]).toBeDefined();
    expect(redirects).toEqual([expect.not.stringMatching(/:5112[1-6]\//)]);
    // Whoever names a port means that one.
    vi.stubEnv("ANTIGRAVITY_OAUTH_PORT", "51121");
    await using other = await lab({ accounts: {} });
    await expect(other.kind.login(visitor({ port: undefined }))).rejects.toThrow(/51121[^]*ANTIGRAVITY_OAUTH_PORT/);
  });

  test("google 14.1 an account without a plan is signed in, and told what is wrong", async () => {
    await using it = await lab({ accounts: {} });
    it.google.control.mode = "unsupported";
    const person = visitor();
    const fields = await it.kind.login(person);
    expect(fields["refresh_token"]).toEqual(expect.any(String));
    expect(person.warnings.join()).toContain("UNSUPPORTED_CLIENT");
  });
});

test("google 14.40 accounts of Gemini CLI are not taken for Antigravity's", async () => {
  await using it = await lab({ accounts: {} });
  const fields = {
    access_token: "a",
    refresh_token: "r",
    client_id: "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
  };
  expect(it.kind.adopt(fields)).toBeUndefined();
  expect(it.kind.adopt({ ...fields, client_id: clientId })).toBeDefined();
});

test("accounts of Antigravity's command line and of other proxies are taken over", async () => {
  await using it = await lab({ accounts: {} });
  const token = { access_token: "a", refresh_token: "r", expiry: "2026-09-01T15:00:00.123456789Z" };
  expect(it.kind.adopt({ token, auth_method: "consumer" })).toMatchObject({
    access_token: "a",
    refresh_token: "r",
    expiry_date: Date.UTC(2026, 8, 1, 15, 0, 0, 123),
  });
  const other = { access_token: "a", refresh_token: "r", email: "u@example.com", project_id: "p-1" };
  expect(it.kind.adopt({ ...other, type: "antigravity", expired: "2026-09-01T15:00:00Z" })).toMatchObject({
    expiry_date: Date.UTC(2026, 8, 1, 15),
    _proxy_metadata: { email: "u@example.com", project_id: "p-1" },
  });
  expect(it.kind.adopt({ ...other, type: "gemini" })).toBeUndefined();
});

describe("the client's secret", () => {
  const folder = (text: string): string => {
    const root = mkdtempSync(join(tmpdir(), "waygate-antigravity-ide-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    mkdirSync(join(root, "out"));
    writeFileSync(join(root, "out", "main.js"), text);
    return root;
  };
  // Put together, so that nothing here looks like one.
  const secret = (name: string): string => ["GOCSPX", `${name}-0123456789`].join("-");

  test("is the one that stands beside the id in the user's own installation", () => {
    const text = `a="${secret("other")}";${" ".repeat(3000)}b="${clientId}",c="${secret("own")}"`;
    expect(installedSecret([join(tmpdir(), "not-there"), folder(text)])).toBe(secret("own"));
    expect(installedSecret([folder(`b="another client",c="${secret("own")}"`)])).toBeUndefined();
  });

  test("is asked for with an error that says where it is", async () => {
    vi.stubEnv("ANTIGRAVITY_CLIENT_SECRET", undefined);
    vi.stubEnv("HOME", join(tmpdir(), "not-there"));
    vi.stubEnv("LOCALAPPDATA", undefined);
    const kind = antigravity().accounts![0]!;
    await expect(kind.login(visitor())).rejects.toThrow(missingSecret().message);
    expect(missingSecret().message).toContain("ANTIGRAVITY_CLIENT_SECRET");
  });
});

test("its risk is said once at the start", async () => {
  await using it = await lab();
  expect(it.proxy.logged.filter((line) => line.includes("suspended"))).toHaveLength(1);
});

test("google 14.13 google 14.40 an account of another client is told to sign in again", async () => {
  await using it = await lab();
  await expect(
    it.kind.refresh(
      { access_token: "a", refresh_token: "r", client_id: "another" },
      { signal: AbortSignal.timeout(5000), fetch, now: Date.now, warn: () => undefined },
    ),
  ).rejects.toThrow("proxy login antigravity");
});
