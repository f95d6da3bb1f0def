import { expect, test } from "vitest";
import { quotaExhausted } from "../_google/failures.ts";
import { lab, visitor } from "./_lab.ts";

const soon = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();

/** Waits for what happens in the background. */
async function until(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 400 && !done(); turn++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(done()).toBe(true);
}

test("models without anything left rest for the account from the start until their reset", async () => {
  const reset = soon(3600);
  await using it = await lab({ accounts: {} });
  it.google.control.quota
    .set("gemini-2.5-pro", { resetTime: reset })
    .set("gemini-2.5-flash", { left: 0.4, resetTime: reset });
  await using started = await lab({ cli: { quotaInterval: 20, baseURL: it.google.base() } });
  // The other fake knows the account, too.
  for (const [token, session] of started.google.oauth.sessions) it.google.oauth.sessions.set(token, session);
  await started.ask({ model: "gemini_cli/gemma-4-31b-it" });
  await until(() => started.rests().length > 0);
  expect(started.rests()).toEqual(["u@example.com/gemini-2.5-pro exhausted"]);
  expect(started.proxy.app.credentials.rests()[0]?.rest.until).toBe(Date.parse(reset));
  const { status, headers } = await started.ask();
  expect(status).toBe(429);
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(3500);
});

test("a group of which one model has something left does not rest", async () => {
  await using it = await lab({ cli: { quotaInterval: 10 } });
  it.google.control.quota.set("gemini-2.5-pro", { resetTime: soon(3600) }).set("gemini-3-pro-preview", { left: 0.1 });
  await it.ask();
  const looks = (): number => it.google.controlled.filter(({ method }) => method === "retrieveUserQuota").length;
  const before = looks();
  await until(() => looks() > before + 1);
  expect(it.rests()).toEqual([]);
});

test("A22 numbers that may be older than a refusal do not end its rest (report 2)", async () => {
  await using it = await lab({ cli: { quotaInterval: 10 } });
  it.google.control.quota.set("gemini-2.5-pro", { left: 1 });
  it.google.reply(quotaExhausted(7200, "gemini-2.5-pro"));
  await it.ask();
  const looks = (): number => it.google.controlled.filter(({ method }) => method === "retrieveUserQuota").length;
  const before = looks();
  await until(() => looks() > before + 2);
  expect(it.rests()).toEqual(["u@example.com/gemini-2.5-pro exhausted"]);
});

test("what is left is among the facts of an account", async () => {
  await using it = await lab();
  it.google.control.paidTier = "g1-pro-tier";
  it.google.control.quota.set("gemini-2.5-pro", { left: 0.85, resetTime: "2026-01-08T10:00:00Z" });
  expect(await it.kind.check(await it.fields("u@example.com"), visitor())).toEqual({
    email: "u@example.com",
    tier: "g1-pro-tier",
    project: "fancy-words-0a1b2",
    notes: ["gemini-2.5-pro: 85 % left, full at 2026-01-08T10:00:00.000Z"],
  });
});

test("the service is asked which models it counts, and those are listed with the known ones", async () => {
  await using it = await lab({ cli: { discover: true } });
  it.google.control.quota.set("gemini-9-ultra", { left: 1 });
  const credential = it.proxy.app.credentials.list("gemini_cli")[0]!;
  const { models } = await it.proxy.app.credentials.probe(credential, { by: "list" });
  expect(models).toEqual(expect.arrayContaining(["gemini-9-ultra", "gemini-2.5-pro"]));
});
