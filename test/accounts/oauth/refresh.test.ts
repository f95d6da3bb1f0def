import { describe, expect, it } from "vitest";
import { refreshTokens } from "waygate/plugins/oauth";
import { oauthServer, type OAuthServerOptions } from "../_oauth-server.ts";
import { codeSpec, quickContext } from "./_person.ts";

const open = async (options: OAuthServerOptions = {}) => {
  const server = await oauthServer(options);
  const spec = codeSpec(server);
  const fields = { ...server.issue(), expiry_date: 1, project: "p-1", nested: { a: [1] } };
  return { server, spec, fields, [Symbol.asyncDispose]: () => server.close() };
};

describe("new tokens from a refresh token", () => {
  it("keep the refresh token when none is returned, and every other field", async () => {
    await using lab = await open();
    const context = quickContext();
    const fresh = await refreshTokens(lab.spec, lab.fields, context);
    expect(fresh).toMatchObject({ refresh_token: lab.fields.refresh_token, project: "p-1", nested: { a: [1] } });
    expect(fresh["access_token"]).not.toBe(lab.fields.access_token);
    expect(Number(fresh["expiry_date"])).toBeGreaterThan(Date.now() + 3_500_000);
    expect(lab.server.forms[0]).toEqual({
      grant_type: "refresh_token",
      refresh_token: lab.fields.refresh_token,
      client_id: "client-1",
    });
  });

  it("replace a refresh token that rotates", async () => {
    await using lab = await open({ refreshTokens: "rotate" });
    const fresh = await refreshTokens(lab.spec, lab.fields, quickContext());
    expect(fresh["refresh_token"]).not.toBe(lab.fields.refresh_token);
    await expect(refreshTokens(lab.spec, lab.fields, quickContext())).rejects.toMatchObject({
      kind: "credential_invalid",
    });
    await expect(refreshTokens(lab.spec, fresh, quickContext())).resolves.toHaveProperty("access_token");
  });

  it("come after two failures of the server, with growing pauses", async () => {
    await using lab = await open();
    const context = quickContext();
    lab.server.trouble({ status: 500 }, { status: 503, text: "busy" });
    await expect(refreshTokens(lab.spec, lab.fields, context)).resolves.toHaveProperty("access_token");
    expect(context.pauses).toEqual([1000, 2000]);
  });

  it("are given up after three tries, as something that may pass", async () => {
    await using lab = await open();
    lab.server.trouble({ status: 500 }, { status: 200, cut: true }, { status: 502 });
    await expect(refreshTokens(lab.spec, lab.fields, quickContext())).rejects.toMatchObject({
      kind: "overloaded",
      scope: "credential",
      message: expect.stringContaining("status 502"),
    });
    expect(lab.server.forms).toHaveLength(3);
  });

  it.each([
    ["revoked", 400, { error: "invalid_grant", error_description: "Token has been expired or revoked." }, "login lab"],
    ["of another client", 400, { error: "unauthorized_client" }, "another client id"],
    ["of an unknown client", 401, { error: "invalid_client" }, "client secret"],
    ["refused without a word", 403, {}, "login lab"],
  ])("are not to be had for an account that is %s, and say what to do", async (_, status, body, words) => {
    await using lab = await open();
    lab.server.trouble({ status, body });
    await expect(refreshTokens(lab.spec, lab.fields, quickContext())).rejects.toMatchObject({
      kind: "credential_invalid",
      message: expect.stringContaining(words),
    });
    expect(lab.server.forms).toHaveLength(1);
  });

  it("are asked for again later after a 429, when the server says or in a minute", async () => {
    await using lab = await open();
    const context = quickContext();
    lab.server.trouble(
      { status: 429, headers: { "retry-after": "90" } },
      { status: 429, body: { error: "slow_down" } },
    );
    const first = await refreshTokens(lab.spec, lab.fields, context).catch((error: unknown) => error);
    const second = await refreshTokens(lab.spec, lab.fields, context).catch((error: unknown) => error);
    expect(first).toMatchObject({ kind: "rate_limited" });
    const wait = (error: unknown): number => Math.round(((error as { retryAt: number }).retryAt - Date.now()) / 10_000);
    expect([wait(first), wait(second)]).toEqual([9, 6]);
    expect(context.pauses).toEqual([]);
  });

  it("are waited for when the 429 names a few seconds", async () => {
    await using lab = await open();
    lab.server.trouble({ status: 429, headers: { "retry-after": "2" } });
    await expect(refreshTokens(lab.spec, lab.fields, quickContext())).resolves.toHaveProperty("access_token");
  });

  it.each([
    ["empty", { text: "" }, "an empty body"],
    ["a page", { text: "<!doctype html>" }, "a web page"],
    ["a list", { body: [] }, "something else than a JSON object"],
    ["without a token", { body: { expires_in: 5 } }, "access_token"],
  ])("are not in an answer that is %s: the old ones stay", async (_, trouble, words) => {
    await using lab = await open();
    lab.server.trouble({ status: 200, ...trouble });
    await expect(refreshTokens(lab.spec, lab.fields, quickContext())).rejects.toMatchObject({
      kind: "upstream",
      message: expect.stringContaining(words),
    });
    expect(lab.server.forms).toHaveLength(1);
  });

  it("are taken out of an envelope, and a refusal in one with status 200 is one", async () => {
    await using lab = await open({ wrap: (data) => ({ success: true, data }) });
    const spec = { ...lab.spec, unwrap: (body: unknown) => (body as { data: null }).data };
    await expect(refreshTokens(spec, lab.fields, quickContext())).resolves.toHaveProperty("access_token");
    lab.server.trouble({ status: 200, body: { error: "invalid_grant" } });
    await expect(refreshTokens(spec, lab.fields, quickContext())).rejects.toMatchObject({ kind: "credential_invalid" });
  });

  it("come in whatever types servers send them", async () => {
    await using lab = await open();
    const body = { access_token: "a", expires_in: "120", refresh_token: "", token_type: null, scope: ["x", "y"] };
    lab.server.trouble({ status: 200, body });
    const fresh = await refreshTokens(lab.spec, lab.fields, quickContext());
    expect(fresh).toMatchObject({ access_token: "a", refresh_token: lab.fields.refresh_token, scope: "x y" });
    expect(Math.abs(Number(fresh["expiry_date"]) - Date.now() - 120_000)).toBeLessThan(5000);
  });

  it("last as long as by the clock of this machine, even when that is wrong, which is told once", async () => {
    await using lab = await open();
    const context = { ...quickContext(), now: () => Date.now() - 600_000 };
    const spec = { ...lab.spec, title: "Lab of clocks" };
    const fresh = await refreshTokens(spec, lab.fields, context);
    expect(Math.abs(Number(fresh["expiry_date"]) - context.now() - 3_599_000)).toBeLessThan(5000);
    await refreshTokens(spec, lab.fields, context);
    expect(context.warnings).toEqual([
      "The clock of this machine is 10 min behind that of Lab of clocks. Set it right.",
    ]);
  });

  it("are asked for no longer than the signal lasts, and no error shows a secret", async () => {
    await using lab = await open();
    const leave = new AbortController();
    lab.server.trouble({ status: 200, delay: 5000 });
    const pending = refreshTokens(lab.spec, lab.fields, { ...quickContext(), signal: leave.signal });
    setTimeout(() => leave.abort(new Error("closed")), 20);
    await expect(pending).rejects.toThrow("closed");

    const body = { error: "invalid_grant", error_description: `no such token ${lab.fields.refresh_token}` };
    lab.server.trouble({ status: 400, body });
    const failure = await refreshTokens(lab.spec, lab.fields, quickContext()).catch((error: unknown) => String(error));
    expect(failure).toContain("no such token ***");
  });

  it("cannot be asked for without a refresh token", async () => {
    await using lab = await open();
    await expect(refreshTokens(lab.spec, { access_token: "a" }, quickContext())).rejects.toMatchObject({
      kind: "credential_invalid",
      message: expect.stringContaining("proxy login lab_accounts"),
    });
  });
});
