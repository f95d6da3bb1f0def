import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { authorizationCode, pkce } from "waygate/plugins/oauth";
import { oauthServer } from "../_oauth-server.ts";
import { codeSpec, testPerson } from "./_person.ts";

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};

describe("a login with a browser", () => {
  it("computes the challenge of RFC 7636", () => {
    expect(pkce("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").challenge).toBe(
      "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
  });

  it("ends with tokens whose end is told by the clock of this machine", async () => {
    await using server = await oauthServer({ clientSecret: "hush" });
    const person = testPerson();
    const before = Date.now();
    const fields = await authorizationCode(person, codeSpec(server, { clientSecret: "hush" }));
    expect(fields).toMatchObject({
      access_token: expect.stringMatching(/^fake-access/),
      refresh_token: expect.stringMatching(/^fake-refresh/),
      token_type: "Bearer",
      scope: "one two",
      id_token: "fake.jwt.value",
    });
    expect(fields).not.toHaveProperty("expires_in");
    expect(Math.abs(Number(fields["expiry_date"]) - before - 3_599_000)).toBeLessThan(5000);
    await until(() => person.pages.length === 1);
    expect(person.pages[0]).toMatchObject({ status: 200, text: expect.stringContaining("You are signed in") });
    expect(person.pages[0]?.text).not.toMatch(/https?:|src=|href=/);
  });

  it("sends what Google asks for, and never the verifier", async () => {
    await using server = await oauthServer();
    await authorizationCode(testPerson(), codeSpec(server));
    const { state, code_challenge: challenge, ...rest } = server.logins[0]!;
    expect(rest).toEqual({
      response_type: "code",
      client_id: "client-1",
      redirect_uri: expect.stringMatching(/^http:\/\/localhost:\d+\/oauth2callback$/),
      scope: "one two",
      access_type: "offline",
      prompt: "consent",
      code_challenge_method: "S256",
    });
    const { code_verifier: verifier = "" } = server.forms[0]!;
    expect(pkce(verifier).challenge).toBe(challenge);
    expect(JSON.stringify(server.logins)).not.toContain(verifier);
    expect(state).not.toContain(verifier);
  });

  it("names parameters as the server does, and sends the browser where the server wants it", async () => {
    await using server = await oauthServer({
      redirectParameter: "redirect",
      clientSecret: "s3",
      authentication: "basic",
    });
    const spec = codeSpec(server, {
      redirectParameter: "redirect",
      clientSecret: "s3",
      clientAuthentication: "basic",
      tokenParameters: { client_id: "client-1" },
      parameters: { response_type: undefined, loginMethod: "phone" },
      callback: { port: 11451, paths: ["/oauth2callback"], successURL: `${server.origin}/success` },
    });
    const person = testPerson({ browser: false });
    const login = authorizationCode(person, spec);
    const { url } = await person.first;
    const atCallback = await fetch(url!, { redirect: "manual" });
    const last = await fetch(atCallback.headers.get("location")!, { redirect: "manual" });
    expect([last.status, last.headers.get("location")]).toEqual([302, `${server.origin}/success`]);
    await login;
    expect(server.logins[0]).toMatchObject({
      redirect: expect.stringContaining("/oauth2callback"),
      loginMethod: "phone",
    });
    expect(server.logins[0]).not.toHaveProperty("response_type");
  });

  it("answers every path of the list, and no other", async () => {
    await using server = await oauthServer();
    const person = testPerson({ browser: false });
    const callback = { port: 51121, paths: ["/oauthcallback", "/oauth-callback"] } as const;
    const login = authorizationCode(person, codeSpec(server, { callback }));
    const { url } = await person.first;
    const back = new URL((await fetch(url!, { redirect: "manual" })).headers.get("location")!);
    const elsewhere = await fetch(new URL(`/other${back.search}`, back));
    const other = await fetch(new URL(`/oauth-callback${back.search}`, back));
    expect([elsewhere.status, other.status]).toEqual([404, 200]);
    await expect(login).resolves.toHaveProperty("access_token");
  });

  it("gemini-cli #29069: a second visit of the callback is shown the same page, and redeems nothing", async () => {
    await using server = await oauthServer();
    const person = testPerson({ browser: false });
    const login = authorizationCode(person, codeSpec(server));
    const { url } = await person.first;
    const back = (await fetch(url!, { redirect: "manual" })).headers.get("location")!;
    const visits = await Promise.all([fetch(back), fetch(back)]);
    await login;
    const late = await fetch(back);
    const texts = await Promise.all([...visits, late].map((each) => each.text()));
    expect(new Set(texts).size).toBe(1);
    expect([...visits, late].map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(server.forms).toHaveLength(1);
  });

  it("says so when access was not granted", async () => {
    await using server = await oauthServer({ authorizeError: "access_denied" });
    const person = testPerson();
    await expect(authorizationCode(person, codeSpec(server))).rejects.toMatchObject({
      name: "ConfigError",
      problems: [{ code: "login_denied", what: "Lab did not grant access", why: "access_denied" }],
    });
    await until(() => person.pages.length === 1);
    expect(person.pages[0]).toMatchObject({ status: 400, text: expect.stringContaining("failed") });
    expect(server.forms).toHaveLength(0);
  });

  it("does not take an answer with another state", async () => {
    await using server = await oauthServer();
    const person = testPerson({ browser: false });
    const login = authorizationCode(person, codeSpec(server));
    login.catch(() => {});
    const { url } = await person.first;
    const back = new URL(server.origin);
    back.port = new URL(new URL(url!).searchParams.get("redirect_uri")!).port;
    const answer = await fetch(new URL("/oauth2callback?code=stolen&state=other", back));
    expect(answer.status).toBe(400);
    await expect(login).rejects.toMatchObject({ problems: [{ code: "login_mismatch" }] });
    expect(server.forms).toHaveLength(0);
  });

  it("takes no notice of visits without an answer", async () => {
    await using server = await oauthServer();
    const person = testPerson({ browser: false });
    const login = authorizationCode(person, codeSpec(server));
    const { url } = await person.first;
    const redirect = new URL(url!).searchParams.get("redirect_uri")!;
    expect((await fetch(redirect)).status).toBe(400);
    await fetch(url!);
    await expect(login).resolves.toHaveProperty("access_token");
  });

  it("takes a pasted address while it waits for the callback", async () => {
    await using server = await oauthServer();
    const question = Promise.withResolvers<string>();
    const person = testPerson({ browser: false, ask: () => question.promise });
    const login = authorizationCode(person, codeSpec(server));
    const { url } = await person.first;
    question.resolve(` ${(await fetch(url!, { redirect: "manual" })).headers.get("location")} `);
    await expect(login).resolves.toHaveProperty("access_token");
  });

  it("takes a bare code, and stops asking when the callback was faster", async () => {
    await using server = await oauthServer();
    const person = testPerson({
      browser: false,
      async ask() {
        const { url } = await person.first;
        const back = (await fetch(url!, { redirect: "manual" })).headers.get("location")!;
        return new URL(back).searchParams.get("code")!;
      },
    });
    await expect(authorizationCode(person, codeSpec(server))).resolves.toHaveProperty("access_token");

    const stopped = Promise.withResolvers<void>();
    const other = testPerson({
      ask: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            stopped.resolve();
            reject(signal.reason as Error);
          });
        }),
    });
    await expect(authorizationCode(other, codeSpec(server))).resolves.toHaveProperty("access_token");
    await stopped.promise;
  });

  it("refuses a pasted address of another login", async () => {
    await using server = await oauthServer();
    const person = testPerson({
      browser: false,
      ask: async () => "http://localhost:1/oauth2callback?code=4/x&state=old",
    });
    await expect(authorizationCode(person, codeSpec(server))).rejects.toMatchObject({
      problems: [{ code: "login_mismatch" }],
    });
  });

  it("asks again for a text without a code, three times in all", async () => {
    await using server = await oauthServer();
    const questions: string[] = [];
    const person = testPerson({
      browser: false,
      ask: async (question) => {
        questions.push(question);
        return "https://accounts.example/login?state=1";
      },
    });
    await expect(authorizationCode(person, codeSpec(server))).rejects.toMatchObject({
      problems: [{ code: "login_text" }],
    });
    expect(questions).toHaveLength(3);
    expect(questions[1]).toContain("code=");
  });

  it("has the code shown by the provider's page where the person has no browser here", async () => {
    await using server = await oauthServer();
    const pasteRedirect = "https://codes.example/authcode";
    const person = testPerson({
      headless: true,
      async ask() {
        const { url } = await person.first;
        const back = (await fetch(url!, { redirect: "manual" })).headers.get("location")!;
        return new URL(back).searchParams.get("code")!;
      },
    });
    await expect(authorizationCode(person, codeSpec(server, { pasteRedirect }))).resolves.toHaveProperty(
      "access_token",
    );
    expect(server.logins[0]).toMatchObject({ redirect_uri: pasteRedirect });
    expect(person.pages).toEqual([]);
  });

  it("ends when nobody signs in, and says what to do where the browser is elsewhere", async () => {
    await using server = await oauthServer();
    const person = testPerson({ browser: false });
    await expect(authorizationCode(person, codeSpec(server, { limit: 20 }))).rejects.toMatchObject({
      problems: [{ code: "login_expired", fix: expect.stringContaining("paste") }],
    });
  });

  it("ends with the signal", async () => {
    await using server = await oauthServer();
    const leave = new AbortController();
    const person = testPerson({ browser: false, signal: leave.signal });
    const login = authorizationCode(person, codeSpec(server));
    login.catch(() => {});
    await person.first;
    leave.abort(new Error("closed"));
    await expect(login).rejects.toThrow("closed");
  });

  it("google 14.35 antigravity-claude-proxy #176: tries the other ports, and names the port and what sets it when there is none", async () => {
    await using server = await oauthServer();
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    try {
      const callback = { port, paths: ["/oauth2callback"], portVariable: "LAB_OAUTH_PORT" } as const;
      const person = testPerson({ port: undefined });
      await expect(authorizationCode(person, codeSpec(server, { callback }))).rejects.toMatchObject({
        problems: [
          {
            code: "login_port",
            what: `The login to Lab cannot listen on 127.0.0.1:${port}`,
            why: expect.stringContaining("EADDRINUSE"),
            fix: expect.stringContaining("LAB_OAUTH_PORT"),
          },
        ],
      });
      const spec = codeSpec(server, { callback: { ...callback, otherPorts: [0] } });
      await expect(authorizationCode(testPerson({ port: undefined }), spec)).resolves.toHaveProperty("access_token");
      // Whoever names a port means that one.
      await expect(authorizationCode(testPerson({ port }), spec)).rejects.toMatchObject({
        problems: [{ code: "login_port" }],
      });
    } finally {
      other.close();
    }
  });

  it("can be repeated at once on the same port", async () => {
    await using server = await oauthServer();
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    await authorizationCode(testPerson({ port }), codeSpec(server));
    await expect(authorizationCode(testPerson({ port }), codeSpec(server))).resolves.toHaveProperty("access_token");
  });

  it.each([
    ["a used code", { status: 400, body: { error: "invalid_grant", error_description: "Bad Request" } }, "one use"],
    ["a wrong secret", { status: 401, body: { error: "invalid_client" } }, "client secret"],
  ])("explains the refusal of %s without showing it", async (_, trouble, fix) => {
    await using server = await oauthServer();
    server.trouble(trouble);
    const failure = await authorizationCode(testPerson(), codeSpec(server)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ problems: [{ code: "login_refused", fix: expect.stringContaining(fix) }] });
    const { code = "", code_verifier: verifier = "" } = server.forms[0]!;
    expect(String(failure)).not.toContain(code);
    expect(String(failure)).not.toContain(verifier);
  });

  it("rejects a token address without TLS anywhere but on this machine", async () => {
    await using server = await oauthServer();
    const spec = codeSpec(server, { tokenURL: "http://tokens.example/token" });
    await expect(authorizationCode(testPerson(), spec)).rejects.toThrow(/tokens\.example/);
    expect(server.forms).toHaveLength(0);
  });
});
