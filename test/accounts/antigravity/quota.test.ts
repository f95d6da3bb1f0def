import { describe, expect, test } from "vitest";
import { known, lab } from "./_lab.ts";

const hour = 3_600_000;
const later = (ms: number): string => new Date(Math.ceil((Date.now() + ms) / 1000) * 1000).toISOString();

/** Looks at quotas at the start, and models from the service's list. */
const looking = { options: { quotaInterval: hour, discover: true } };

describe("windows of a quota", () => {
  test("google 14.37 are asked of the daily host, which alone tells the truth", async () => {
    await using it = await lab({ options: { quotaInterval: 60 } });
    it.quota.buckets.set("3p-weekly", { left: 0, resetTime: later(48 * hour) });
    await it.ask();
    await expect.poll(it.rests).toEqual(["u@example.com/claude-sonnet-4-6 exhausted"]);
    expect(new Set(it.google.controlled.map(({ host }) => host))).toEqual(new Set(["daily"]));
  });

  test("that are used up keep the models of that maker out until they are full again, and no others", async () => {
    await using it = await lab({ ...looking, retry: { queueWait: 0 } });
    await expect.poll(() => it.google.controlled.length).toBeGreaterThan(1);
    const weekly = later(48 * hour);
    it.quota.buckets.set("3p-5h", { left: 0, resetTime: later(hour) });
    it.quota.buckets.set("3p-weekly", { left: 0, resetTime: weekly });
    const facts = await it.kind.check((await it.store.list(it.kind)).accounts[0]!.fields, {
      signal: AbortSignal.timeout(5000),
      fetch,
      now: Date.now,
      warn: () => undefined,
    });
    expect(facts).toMatchObject({ email: "u@example.com", project: "fancy-words-0a1b2", tier: "free-tier" });
    expect(facts.notes).toContain(`claude-sonnet-4-6 (weekly): 0 % left, full at ${weekly}`);
    expect(facts.notes).toContain("gemini-3-flash (5h): 100 % left");
    expect(facts.notes?.join()).not.toContain("chat_20706");
  });

  test("from requests that are refused until the window is full again", async () => {
    await using it = await lab({ options: { quotaInterval: 40 }, retry: { queueWait: 0 } });
    const ask = { model: "antigravity/claude-sonnet-4.6" };
    it.quota.buckets.set("3p-5h", { left: 0, resetTime: later(hour) });
    await it.ask();
    await expect.poll(async () => (await it.ask(ask)).status).toBe(429);
    expect((await it.ask({ model: "antigravity/gemini-3-flash" })).status).toBe(200);
    it.quota.buckets.set("3p-5h", { left: 1 });
    await expect.poll(async () => (await it.ask(ask)).status).toBe(200);
  });

  test("are read from the list of models where there is no summary", async () => {
    await using it = await lab({ options: { quotaInterval: 60 } });
    it.quota.summary = false;
    it.quota.models.set("gemini-3-flash", { left: 0, resetTime: later(hour) });
    it.quota.models.set("claude-sonnet-4-6", { left: 0.4 });
    await it.ask({ model: "antigravity/claude-sonnet-4-6" });
    await expect.poll(it.rests).toEqual(["u@example.com/gemini-3-flash exhausted"]);
  });
});

describe("the list of models", () => {
  const models = async (it: Awaited<ReturnType<typeof lab>>): Promise<readonly string[]> => {
    const response = await it.proxy.fetch("/v1/models", { headers: { authorization: "Bearer client-key" } });
    const { data } = (await response.json()) as { data: { id: string }[] };
    return data.map(({ id }) => id.replace("antigravity/", ""));
  };

  test("is the service's own without what is not for users, and what the user adds", async () => {
    await using it = await lab({ options: { discover: true, models: ["my-model"] } });
    await expect
      .poll(() => models(it))
      .toEqual(expect.arrayContaining(["my-model", "claude-sonnet-4-6", "gemini-pro-agent"]));
    const listed = await models(it);
    expect(listed).not.toContain("chat_20706");
    await expect.poll(() => models(it)).not.toContain("gpt-oss-120b-medium");
  });

  test("google 14.41 is the known one where nobody can be asked, and any other may be asked for", async () => {
    await using it = await lab();
    expect(await models(it)).toContain("gpt-oss-120b-medium");
    expect((await it.ask({ model: "antigravity/gemini-9-ultra" })).status).toBe(200);
    expect(it.google.generated[0]?.model).toBe("gemini-9-ultra");
  });

  test("is asked for without the project where that is refused", async () => {
    await using it = await lab({ options: { discover: true } });
    it.quota.refusesProject = true;
    await expect.poll(() => models(it)).not.toContain("gpt-oss-120b-medium");
    expect(
      it.google.controlled.filter(({ method }) => method === "fetchAvailableModels").map(({ body }) => body),
    ).toEqual(expect.arrayContaining([{}]));
  });

  test("tells new names for models that are given up", async () => {
    await using it = await lab({ accounts: { "u@example.com": known }, ...looking });
    await expect.poll(() => it.google.controlled.length).toBeGreaterThan(1);
    await expect
      .poll(async () => {
        await it.ask({ model: "antigravity/gemini-3-pro-high" });
        return it.google.generated.at(-1)?.model;
      })
      .toBe("gemini-pro-agent");
  });
});
