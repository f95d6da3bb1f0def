import { afterEach, describe, expect, it } from "vitest";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import {
  allEvents,
  answer,
  createTestProxy,
  scripted,
  type ScriptRequest,
  status,
  type Step,
  type TestProxy,
  testPolicy,
  textOfEvents,
  virtualClock,
  virtualTransport,
} from "waygate/testing";
import { issueToken, signedTokens } from "../../examples/custom-auth/signed-tokens.ts";
import { acme } from "../../examples/custom-provider/acme.ts";
import { officeHours } from "../../examples/custom-policy/office-hours.ts";
import { guardrail } from "../../examples/guardrail/guardrail.ts";

const open: TestProxy[] = [];
afterEach(async () => {
  for (const proxy of open.splice(0)) await proxy.close();
});

describe("examples/custom-provider and examples/test-a-plugin", async () => {
  // The example is a test itself.
  await import("../../examples/test-a-plugin/acme.test.ts");
  await import("../../examples/test-a-plugin/acme-failures.test.ts");

  it("takes 418 for a key without credit, and goes on with the next", async () => {
    const refused = status(418, { error: { message: "top up" } });
    const clock = virtualClock();
    const step = ({ key }: ScriptRequest): Step => (key === "empty" ? refused : answer());
    const transport = virtualTransport(scripted(step), { clock });
    const proxy = await createTestProxy({
      plugins: [acme({ keys: ["empty", "good"] })],
      runtime: { clock, transport },
    });
    open.push(proxy);
    expect((await proxy.chat({ model: "acme/acme-large" })).status).toBe(200);
    const { attempts } = (await proxy.recorded(1)).ctx;
    expect(attempts.map(({ error }) => error?.kind)).toEqual(["no_credit", undefined]);
  });
});

describe("examples/custom-policy", () => {
  it("leaves the provider out outside of its hours, and says so", async () => {
    const run = await testPolicy({
      plugins: [officeHours("lab")],
      keys: ["a"],
      requests: ["lab/m", "lab/m", "lab/m"],
      every: 8 * 3_600_000,
    });
    // The virtual clock may start at any hour; of three requests eight hours apart one or two fall in ten hours.
    const served = run.records.map(({ ctx }) => ctx.attempts.length === 1);
    expect(new Set(served)).toEqual(new Set([true, false]));
    const closed = run.records[served.indexOf(false)]!;
    expect(closed.ctx.decisions).toMatchObject([{ policy: "office-hours", reason: "open from 8 to 18 UTC" }]);
  });
});

describe("examples/custom-auth", () => {
  const secret = "of the shop";
  const clock = virtualClock();
  const start = async (): Promise<(token: string) => Promise<Response>> => {
    const plugins = [signedTokens(secret), proxyKey({ keys: ["static-key"] }), echo()];
    const proxy = await createTestProxy({ plugins, runtime: { clock } });
    open.push(proxy);
    return (token) => proxy.chat({ model: "echo/echo" }, { headers: { authorization: `Bearer ${token}` } });
  };
  const soon = Math.floor(clock.now() / 1000) + 60;

  it("lets the bearer of a token in until it expires, and knows the name", async () => {
    const ask = await start();
    const token = issueToken("mia", soon, secret);
    expect((await ask(token)).status).toBe(200);
    expect((await open[0]!.recorded(1)).ctx.principal?.id).toBe("mia");
    await clock.advance(61_000);
    expect((await ask(token)).status).toBe(401);
  });

  it("refuses every other token, and leaves static keys to the next plugin", async () => {
    const ask = await start();
    const later = soon + 3600;
    const [, , signature = ""] = issueToken("mia", later, secret).split(".");
    for (const token of ["", "mia", `mia.${later + 1}.${signature}`, `tom.${later}.${signature}`]) {
      expect((await ask(token)).status).toBe(401);
    }
    expect((await ask(issueToken("mia", later, "another secret"))).status).toBe(401);
    expect((await ask("static-key")).status).toBe(200);
  });
});

describe("examples/guardrail", () => {
  const start = async (text: readonly string[]): Promise<TestProxy> => {
    const clock = virtualClock();
    const transport = virtualTransport(scripted(answer({ text, reasoning: "hm " })), { clock });
    const lab = openaiCompatible({ name: "lab", baseURL: "http://lab.test/v1", keys: ["k"], models: ["m"] });
    const keys = proxyKey({ keys: ["user", { key: "boss", admin: true }] });
    const proxy = await createTestProxy({ plugins: [keys, lab, guardrail()], runtime: { clock, transport } });
    open.push(proxy);
    return proxy;
  };
  const as = (key: string): RequestInit => ({ headers: { authorization: `Bearer ${key}` } });
  const words = ["Write to mi", "a@exam", "ple.org or call", " her. Bye tom@x.io"];

  it("takes addresses out of answers, also where two events share one", async () => {
    const proxy = await start(words);
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }, as("user")));
    expect(textOfEvents(events)).toBe("Write to [address] or call her. Bye [address]");
    const whole = await (await proxy.chat({ model: "lab/m" }, as("user"))).text();
    expect(whole).toContain("Write to [address] or call her. Bye [address]");
  });

  it("leaves answers to administrators as they are", async () => {
    const proxy = await start(words);
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }, as("boss")));
    expect(textOfEvents(events)).toBe(words.join(""));
  });

  it("refuses a prompt with a private key in it, and asks nobody", async () => {
    const proxy = await start(words);
    const messages = [{ role: "user", content: "Is this safe?\n-----BEGIN RSA PRIVATE KEY-----\nMII…" }];
    const response = await proxy.chat({ model: "lab/m", messages }, as("user"));
    expect([response.status, await response.json()]).toMatchObject([400, { error: { code: "prompt_rejected" } }]);
    expect((await proxy.recorded(1)).ctx.attempts).toEqual([]);
  });
});
