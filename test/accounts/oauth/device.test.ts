import { describe, expect, it } from "vitest";
import { deviceCode } from "waygate/plugins/oauth";
import { oauthServer } from "../_oauth-server.ts";
import { deviceSpec, quickContext, testPerson } from "./_person.ts";

const pending = { status: 400, body: { error: "authorization_pending" } };
const slowDown = { status: 400, body: { error: "slow_down" } };

describe("a login on another device", () => {
  it("shows the address and the code, waits, and ends with tokens and what else came", async () => {
    await using server = await oauthServer({
      device: { interval: 1, answers: [pending, pending] },
      extra: { resource_url: "portal.example" },
    });
    const quick = quickContext();
    const person = testPerson({ ...quick, browser: false });
    const fields = await deviceCode(person, deviceSpec(server));
    expect(fields).toMatchObject({ access_token: expect.any(String), resource_url: "portal.example" });
    expect(person.shown).toEqual([
      { text: expect.stringContaining("Lab"), url: expect.stringContaining("user_code=WDJB-MJHT"), code: "WDJB-MJHT" },
    ]);
    expect(quick.pauses).toEqual([1000, 1000, 1000]);
    expect(server.forms.map((form) => form["grant_type"])).toEqual(
      Array.from({ length: 3 }, () => "urn:ietf:params:oauth:grant-type:device_code"),
    );
  });

  it("asks every five seconds where the server names no interval, and slower when it wants so with 400 or 429", async () => {
    await using server = await oauthServer({
      device: { answers: [slowDown, { status: 429, body: { error: "slow_down" } }, slowDown, pending] },
    });
    const quick = quickContext();
    await deviceCode(testPerson({ ...quick, browser: false }), deviceSpec(server));
    expect(quick.pauses).toEqual([5000, 7500, 10_000, 10_000, 10_000]);
  });

  it.each([
    ["denied", { status: 400, body: { error: "access_denied" } }, "login_denied"],
    ["late", { status: 400, body: { error: "expired_token" } }, "login_expired"],
    ["of a code nobody knows", { status: 401, body: {} }, "login_expired"],
    ["limited", { status: 429, body: { error: "too_many_requests" } }, "login_refused"],
  ])("stops when it is %s", async (_, answer, code) => {
    await using server = await oauthServer({ device: { interval: 1, answers: [pending, answer] } });
    const person = testPerson({ ...quickContext(), browser: false });
    await expect(deviceCode(person, deviceSpec(server))).rejects.toMatchObject({ problems: [{ code }] });
    expect(server.forms).toHaveLength(2);
  });

  it("stops when the code has expired, whatever the server says", async () => {
    const answers = Array.from({ length: 1000 }, () => pending);
    await using server = await oauthServer({ device: { interval: 0.01, expiresIn: 0.1, answers } });
    const person = testPerson({ browser: false });
    await expect(deviceCode(person, deviceSpec(server))).rejects.toMatchObject({
      problems: [{ code: "login_expired" }],
    });
  });

  it("ends with the signal", async () => {
    await using server = await oauthServer();
    const leave = new AbortController();
    const person = testPerson({ browser: false, signal: leave.signal });
    const login = deviceCode(person, deviceSpec(server));
    login.catch(() => {});
    await person.first;
    leave.abort(new Error("closed"));
    await expect(login).rejects.toThrow("closed");
    expect(server.forms).toHaveLength(0);
  });

  it("goes on after a failure of the server", async () => {
    await using server = await oauthServer({ device: { interval: 1 } });
    server.trouble({ status: 502, text: "<html>bad gateway</html>" }, { status: 200, cut: true });
    const person = testPerson({ ...quickContext(), browser: false });
    await expect(deviceCode(person, deviceSpec(server))).resolves.toHaveProperty("access_token");
    expect(server.forms).toHaveLength(3);
  });
});
