import { describe, expect, test, vi } from "vitest";
import { status } from "waygate/testing";
import { lab, type IflowLab } from "./_lab.ts";
import { inBody } from "./_iflow.ts";

const refreshes = ({ iflow }: IflowLab): number => iflow.grants.length;
const restLeft = (it: IflowLab): number =>
  Math.max(...it.proxy.app.credentials.rests().map(({ rest }) => rest.until)) - Date.now();

describe("keys that are refused", () => {
  test.each([
    ["401 and nothing", status(401, "")],
    ["401 in words", status(401, { code: "401", message: "unauthorized", success: false })],
    ["200 and the words in the body", inBody(439, "Your API Token has expired.")],
    ["200 and other words", inBody(434, "Invalid apiKey")],
    ["400 and the words", status(400, { message: "api key is invalid", success: false })],
  ])("(%s) are renewed with the token, once, and the request goes again", async (_, refusal) => {
    await using it = await lab();
    it.iflow.modes.wrongKey = refusal;
    it.iflow.renewKey("a@example.com");
    expect((await it.ask()).status).toBe(200);
    expect(refreshes(it)).toBe(1);
    const [kept] = await it.kept();
    expect(kept).toMatchObject({ api_key: it.iflow.keyOf("a@example.com"), email: "a@example.com" });
    expect(it.iflow.asked).toHaveLength(2);
  });

  test("G1 are renewed once for all requests that meet it", async () => {
    await using it = await lab();
    it.iflow.renewKey("a@example.com");
    const replies = await Promise.all(Array.from({ length: 6 }, () => it.ask()));
    expect(replies.map((reply) => reply.status)).toEqual(Array.from({ length: 6 }, () => 200));
    expect(refreshes(it)).toBe(1);
  });

  test("G3 ask for a login where the refresh token is worth nothing either", async () => {
    await using it = await lab();
    const [fields] = await it.kept();
    it.iflow.revoke(fields!["refresh_token"]);
    it.iflow.renewKey("a@example.com");
    expect((await it.ask()).status).toBe(503);
    expect(it.proxy.app.credentials.rests()[0]!.rest).toMatchObject({
      state: "invalid",
      reason: expect.stringMatching(/needs_login.*proxy login iflow/),
    });
  });

  test("a signature that is refused is told as what it is", async () => {
    await using it = await lab({ retry: { sameCredential: 0 } });
    it.iflow.modes.refuse.set("a@example.com", status(403, { message: "signature mismatch" }));
    const { status: code, text } = await it.ask();
    expect(code).toBeGreaterThanOrEqual(400);
    expect(text).toContain("signature mismatch");
  });
});

describe("accounts that cannot be renewed", () => {
  test("with a key, and without the client secret, are used until they are refused", async () => {
    vi.stubEnv("IFLOW_CLIENT_SECRET", "");
    await using it = await lab({
      accounts: (fake) => [fake.signedIn("a@example.com", -5000)],
      iflow: { clientSecret: undefined },
    });
    expect((await it.ask()).status).toBe(200);
    it.iflow.renewKey("a@example.com");
    expect((await it.ask()).status).toBe(503);
    expect(it.proxy.app.credentials.rests()[0]!.rest.reason).toContain("IFLOW_CLIENT_SECRET");
    expect(refreshes(it)).toBe(0);
  });

  test("that signed in with a cookie are, too", async () => {
    await using it = await lab({
      accounts: (fake) => [
        {
          api_key: fake.keyOf("c@example.com"),
          _proxy_metadata: { email: "c@example.com", credential_type: "cookie" },
        },
      ],
    });
    expect((await it.ask()).status).toBe(200);
    it.iflow.renewKey("c@example.com");
    expect((await it.ask()).status).toBe(503);
    expect(it.proxy.app.credentials.rests()[0]!.rest.reason).toMatch(/no refresh token.*proxy login iflow/);
  });
});

describe("limits", () => {
  test.each([
    ["429", status(429, "")],
    ["slow_down", status(400, { error: "slow_down" })],
    ["449 in the body", inBody(449, "You exceeded your current rate limit")],
  ])("per minute (%s) rest for one (reports 11, 25)", async (_, refusal) => {
    await using it = await lab({ retry: { shortWait: 0 } });
    it.iflow.modes.refuse.set("a@example.com", refusal);
    const { json } = await it.ask();
    expect(json.error.code).toBe("rate_limit_exceeded");
    expect(restLeft(it)).toBeGreaterThan(55_000);
    expect(restLeft(it)).toBeLessThanOrEqual(60_000);
  });

  test("that are quotas are looked at again after five minutes, or when they say (report 8)", async () => {
    await using it = await lab();
    it.iflow.modes.refuse.set("a@example.com", inBody(429, "Your quota is exhausted"));
    expect((await it.ask()).json.error.code).toBe("quota_exceeded");
    expect(restLeft(it)).toBeLessThanOrEqual(300_000);
    it.iflow.modes.refuse.set("a@example.com", status(429, { message: "quota exceeded" }, { "retry-after": "7200" }));
    await it.ask({ model: "iflow/kimi-k2" });
    expect(restLeft(it)).toBeGreaterThan(7000_000);
  });

  test("406 is the request's own, and nothing rests for it", async () => {
    await using it = await lab();
    it.iflow.modes.refuse.set("a@example.com", status(406, ""));
    expect((await it.ask()).status).toBe(406);
    expect(it.rests()).toEqual([]);
  });
});

test("a service that says it has ended is not asked, and nothing is renewed, any more (report 51)", async () => {
  await using it = await lab();
  it.iflow.modes.refuse.set("a@example.com", inBody(410, "The service has been closed since 2026-04-17."));
  for (let turn = 0; turn < 3; turn++) expect((await it.ask()).status).toBe(503);
  expect(it.rests()).toEqual(["a@example.com invalid"]);
  expect([it.iflow.asked.length, refreshes(it)]).toEqual([1, 0]);
});
