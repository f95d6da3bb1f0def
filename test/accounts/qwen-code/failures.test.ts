import { describe, expect, test } from "vitest";
import { accountStore, ProxyError } from "waygate";
import { status } from "waygate/testing";
import { lab, type QwenLab } from "./_lab.ts";
import { refusals } from "./_qwen.ts";

const minute = 60_000;

/** Milliseconds from now until that account is asked again. */
function restLeft(it: QwenLab): number {
  return Math.max(...it.proxy.app.credentials.rests().map(({ rest }) => rest.until)) - Date.now();
}
const refreshes = ({ qwen }: QwenLab): number => qwen.grants.filter((grant) => grant === "refresh_token").length;

describe("tokens that are refused", () => {
  test("are renewed once, and the request goes again with the new one", async () => {
    await using it = await lab();
    const [before] = await it.kept();
    it.qwen.expire(before!["access_token"]);
    expect((await it.ask()).status).toBe(200);
    expect(refreshes(it)).toBe(1);
    expect(it.qwen.asked.map(({ key }) => key === before!["access_token"])).toEqual([true, false]);
    const [after] = await it.kept();
    expect(after!["refresh_token"]).not.toBe(before!["refresh_token"]);
    expect(after!["_proxy_metadata"]).toEqual({ email: "a@example.com" });
  });

  test("after some requests are renewed each time, and no client hears of it", async () => {
    await using it = await lab();
    it.qwen.modes.goodFor = 2;
    for (let turn = 0; turn < 5; turn++) expect((await it.ask()).status).toBe(200);
    expect(refreshes(it)).toBe(2);
  });

  test("G1 are renewed once for all requests that meet it", async () => {
    await using it = await lab();
    it.qwen.expire((await it.kept())[0]!["access_token"]);
    const replies = await Promise.all(Array.from({ length: 8 }, () => it.ask()));
    expect(replies.map((reply) => reply.status)).toEqual(Array.from({ length: 8 }, () => 200));
    expect(refreshes(it)).toBe(1);
  });

  test("that are refused again after that are the account's end, for now", async () => {
    await using it = await lab();
    it.qwen.modes.refuse.set("a@example.com", refusals.token);
    expect((await it.ask()).status).toBe(503);
    expect(refreshes(it)).toBe(1);
    expect(it.qwen.asked).toHaveLength(2);
  });

  test("G3 ask for a login where the refresh token is worth nothing either", async () => {
    await using it = await lab();
    const [fields] = await it.kept();
    it.qwen.expire(fields!["access_token"]);
    it.qwen.revoke(fields!["refresh_token"]);
    expect((await it.ask()).status).toBe(503);
    const [rest] = it.proxy.app.credentials.rests();
    expect(rest?.rest).toMatchObject({
      state: "invalid",
      reason: expect.stringMatching(/needs_login.*proxy login qwen_code/),
    });
  });

  test("are renewed before they end, and what is new is on the disk before it is used", async () => {
    await using it = await lab({
      accounts: (qwen) => [qwen.signedIn("a@example.com", 60)],
      qwen: { startCheck: false },
    });
    const first = await it.ask();
    expect(first.status).toBe(200);
    const [kept] = await it.kept();
    expect(it.qwen.asked[0]!.key).toBe(kept!["access_token"]);
    const other = accountStore({ dataDir: it.proxy.app.config.dataDir, env: {}, cwd: it.proxy.app.config.dataDir });
    expect((await other.list(it.kind)).accounts[0]!.fields).toEqual(kept);
  });
});

describe("quotas", () => {
  const two = { accounts: (qwen: QwenLab["qwen"]) => [qwen.signedIn("a@example.com"), qwen.signedIn("b@example.com")] };

  test.each([
    ["429 with its code", refusals.quota()],
    ["403 with its code", status(403, { error: { type: "quota_exceeded", message: "no" } })],
    ["429 with its words", status(429, { error: { message: "Free allocated quota exceeded." } })],
    ["403 with its words", status(403, { error: { message: "Daily quota exceeded for this account." } })],
  ])(
    "that are used up (%s) rest one account, for all its models, and no other (reports 1, 6, 9, 60)",
    async (_, refusal) => {
      await using it = await lab(two);
      it.qwen.modes.refuse.set("a@example.com", refusal);
      for (let turn = 0; turn < 3; turn++) expect((await it.ask()).status).toBe(200);
      expect(it.rests()).toEqual(["a@example.com exhausted"]);
      expect((await it.ask({ model: "qwen_code/coder-model" })).status).toBe(200);
    },
  );

  test("without a time are looked at again after five minutes, never after hours (reports 8, 11, 57)", async () => {
    await using it = await lab();
    it.qwen.modes.refuse.set("a@example.com", refusals.quota());
    expect((await it.ask()).status).toBe(429);
    expect(restLeft(it)).toBeGreaterThan(4 * minute);
    expect(restLeft(it)).toBeLessThanOrEqual(5 * minute);
    expect(it.proxy.app.credentials.rests()[0]!.rest.probe).toBe(true);
  });

  test("with a time rest until then, and the client is told (report 7)", async () => {
    await using it = await lab();
    it.qwen.modes.refuse.set("a@example.com", refusals.quota({ "retry-after": "7200" }));
    const { status: code, headers, json } = await it.ask();
    expect([code, json.error.code]).toEqual([429, "quota_exceeded"]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(7000);
    expect(restLeft(it)).toBeGreaterThan(119 * minute);
  });

  test.each([
    ["without a time", refusals.rate(), minute],
    ["with one", refusals.rate({ "retry-after": "20" }), 20_000],
    ["by the word slow_down", status(400, { error: { code: "slow_down", message: "slow_down" } }), minute],
  ])("a limit per minute (%s) is no quota (report 11)", async (_, refusal, wait) => {
    await using it = await lab({ retry: { shortWait: 0 } });
    it.qwen.modes.refuse.set("a@example.com", refusal);
    expect((await it.ask()).json.error.code).toBe("rate_limit_exceeded");
    expect(restLeft(it)).toBeGreaterThan(wait - 5000);
    expect(restLeft(it)).toBeLessThanOrEqual(wait);
    expect(it.rests()).toEqual(["a@example.com cooling"]);
  });

  test("5xx is no limit, and 400 is the request's own (report 10)", async () => {
    await using it = await lab({ retry: { sameCredential: 0 } });
    it.qwen.modes.refuse.set("a@example.com", status(520, "upstream"));
    expect((await it.ask()).status).toBe(520);
    it.qwen.modes.refuse.set("a@example.com", status(400, { error: { message: "bad temperature" } }));
    const asked = it.qwen.asked.length;
    expect((await it.ask()).status).toBe(400);
    expect(it.qwen.asked).toHaveLength(asked + 1);
    expect(it.rests().filter((rest) => !rest.includes("cooling"))).toEqual([]);
  });

  test("G4 a token that is renewed meanwhile ends no quota (report 59)", async () => {
    await using it = await lab();
    it.qwen.modes.refuse.set("a@example.com", refusals.quota());
    await it.ask();
    const [credential] = it.proxy.app.credentials.list("qwen_code");
    await it.proxy.app.credentials.refresh(credential!);
    expect(it.rests()).toEqual(["a@example.com exhausted"]);
  });
});

describe("the end of the service", () => {
  test("an account that is told so is not asked and not renewed any more, others and keys are (report 50)", async () => {
    await using it = await lab({
      accounts: (qwen) => [qwen.signedIn("a@example.com")],
      qwen: { keys: ["paid-key-of-somebody"] },
    });
    it.qwen.modes.refuse.set("a@example.com", refusals.discontinued);
    for (let turn = 0; turn < 4; turn++) expect((await it.ask()).status).toBe(200);
    expect(it.rests()).toEqual(["a@example.com invalid"]);
    const [rest] = it.proxy.app.credentials.rests();
    expect(rest?.rest.reason).toContain("discontinued");
    expect(rest?.rest.until).toBe(Number.POSITIVE_INFINITY);
    expect(it.qwen.asked.filter(({ key }) => key !== "paid-key-of-somebody")).toHaveLength(1);
    const account = it.proxy.app.credentials.list("qwen_code").find(({ label }) => label === "a@example.com")!;
    const renewal: unknown = await it.proxy.app.credentials.refresh(account).catch((error: unknown) => error);
    expect(ProxyError.is(renewal)).toBe(true);
    expect(refreshes(it)).toBe(0);
  });

  test("the client of the last account is told why, not that its own key is wrong (report 50)", async () => {
    await using it = await lab();
    it.qwen.modes.refuse.set("a@example.com", refusals.discontinued);
    const { status: code, json } = await it.ask();
    expect(code).toBe(503);
    expect(JSON.stringify(json)).not.toContain("fake-access");
    expect(it.proxy.logged.filter((line) => /not asked any more.*discontinued/.test(line))).toHaveLength(1);
  });

  test("signing in again is what ends it", async () => {
    await using it = await lab();
    it.qwen.modes.refuse.set("a@example.com", refusals.discontinued);
    await it.ask();
    expect(it.rests()).toEqual(["a@example.com invalid"]);
    it.qwen.modes.refuse.clear();
    await it.store.save(it.kind, it.qwen.signedIn("a@example.com"));
    for (let turn = 0; turn < 1000 && it.rests().length > 0; turn++) await new Promise((done) => setTimeout(done, 5));
    expect((await it.ask()).status).toBe(200);
  });
});

test("a key that is refused is no account to be renewed", async () => {
  await using it = await lab({ accounts: () => [], qwen: { keys: ["wrong-key-of-somebody"] } });
  expect((await it.ask()).status).toBe(503);
  expect(it.qwen.asked).toHaveLength(1);
  expect(it.qwen.grants).toEqual([]);
});
