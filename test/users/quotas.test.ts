/** Budgets and limits of users and groups: rules D8, E1 and E3 to E6 for people. */
import { describe, expect, it } from "vitest";
import { definePlugin, estimateCost, loadCatalog } from "waygate";
import { cache } from "waygate/plugins/cache";
import { answer, drop, errorInside, gate, pause, silence, status, stream } from "waygate/testing";
import { inTurn } from "../rules/_lab.ts";
import { folder, people, type People } from "./_people.ts";

const HOUR = 3_600_000;
const usage = { prompt_tokens: 60, completion_tokens: 40, total_tokens: 100 };
const requests = (amount: number, more: object = {}): object => ({
  quotas: [{ unit: "requests", period: "daily", amount, ...more }],
});
const tokens = (amount: number, more: object = {}): object => ({
  quotas: [{ unit: "tokens", period: "daily", amount, ...more }],
});

async function statuses(bench: People, token: string, count: number, model?: string): Promise<string> {
  const all: number[] = [];
  for (let index = 0; index < count; index++) all.push((await bench.as(token, model)).status);
  return all.join(" ");
}

describe("a budget", () => {
  it("E3 E5 of N requests admits N, the next is a 429 that counts nowhere, and the day ends at the reset", async () => {
    const reset = { at: "05:30", zone: "Asia/Kolkata" };
    await using bench = await people({ users: { reset } });
    const { token, id } = await bench.add(requests(3));
    // Half past five in India is midnight UTC; the lab begins there.
    await bench.clock.advance(HOUR);
    expect(await statuses(bench, token, 4)).toBe("200 200 200 429");
    const refused = await bench.as(token);
    expect(refused.error).toMatchObject({ code: "quota_exceeded" });
    expect(refused.error.message).toContain("3 requests daily");
    expect(refused.headers.get("retry-after")).toBe(String(23 * 3600));
    expect(refused.headers.get("x-ratelimit-limit-requests")).toBe("3");
    expect(refused.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(refused.headers.get("x-ratelimit-reset-requests")).toBe(`${23 * 3600}s`);
    expect(await bench.used(id)).toEqual([3]);
    await bench.clock.advance(23 * HOUR - 1000);
    expect(await statuses(bench, token, 1)).toBe("429");
    await bench.clock.advance(1000);
    expect(await statuses(bench, token, 4)).toBe("200 200 200 429");
    expect(bench.calls.length).toBe(6);
  });

  it.each<[string, string, number]>([
    ["hourly", "hourly", HOUR],
    ["monthly", "monthly", 31 * 24 * HOUR],
    ["of a cron expression", "*/15 * * * *", HOUR / 4],
  ])("E5 %s begins anew when it says, and nothing is carried over", async (_name, period, length) => {
    await using bench = await people({ users: { reset: { at: "00:00" } } });
    const begin = bench.clock.now();
    const { token, id } = await bench.add(requests(2, { period }));
    const { body } = await bench.api(`GET /api/users/${id}`);
    const ends = Date.parse(body.quotas[0]!.resets_at!);
    expect(ends - begin).toBe(length);
    expect(await statuses(bench, token, 1)).toBe("200");
    await bench.clock.advanceTo(ends);
    expect(await statuses(bench, token, 3)).toBe("200 200 429");
  });

  it("in total does not renew, and says so", async () => {
    await using bench = await people();
    const { token, id } = await bench.add(requests(1, { period: "total" }));
    expect(await statuses(bench, token, 1)).toBe("200");
    await bench.clock.advance(40 * 24 * HOUR);
    const refused = await bench.as(token);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "86400"]);
    expect(refused.error.message).toContain("does not renew");
    expect((await bench.api(`GET /api/users/${id}`)).body.quotas[0]!.resets_at).toBeNull();
  });

  it("of tokens is guessed before and put right after, streaming or not", async () => {
    await using bench = await people({ upstream: answer({ usage }) });
    const { token, id } = await bench.add(tokens(5000));
    await bench.as(token);
    const response = await bench.finish(
      bench.proxy.chat({ model: "lab/m", stream: true }, { headers: { authorization: `Bearer ${token}` } }),
    );
    expect(response.status).toBe(200);
    expect(await bench.used(id)).toEqual([200]);
  });

  it("of N tokens is never overrun by more than the requests in flight", async () => {
    await using bench = await people({ upstream: answer({ usage }) });
    const { token, id } = await bench.add(tokens(1000));
    let accepted = 0;
    for (let count = 0; count < 40; count++) accepted += Number((await bench.as(token)).status === 200);
    const [used] = await bench.used(id);
    expect(used).toBe(accepted * 100);
    expect(used).toBeLessThanOrEqual(1100);
  });

  it("of money counts what the catalogue says, and warns of what it does not know", async () => {
    const info = (await loadCatalog()).lookup("openai", "gpt-4o-mini");
    const cost = estimateCost(info, { input: 60, output: 40 })!;
    const bench = await people({
      providers: { openai: ["a"], lab: ["b"] },
      listed: { openai: ["gpt-4o-mini"] },
      upstream: answer({ usage }),
    });
    const { token, id } = await bench.add({ quotas: [{ unit: "cost", period: "total", amount: cost * 2.5 }] });
    expect(await bench.used(id)).toEqual([0]);
    await bench.as(token, "openai/gpt-4o-mini");
    expect((await bench.used(id))[0]).toBeCloseTo(cost, 10);
    await bench.as(token, "lab/m");
    expect((await bench.used(id))[0]).toBeCloseTo(cost, 10);
    expect(bench.proxy.logged.join("\n")).toContain("No price is known for lab/m");
    await bench.proxy.close();
  });

  it("is of a family of models, by the name asked for and by that of whoever answers", async () => {
    await using bench = await people({
      providers: { lab: ["a"], other: ["b"] },
      listed: { lab: ["claude-x"], other: ["gpt-x"] },
      models: { smart: ["lab/claude-x", "other/gpt-x"], both: ["lab/claude-x"] },
    });
    const { token } = await bench.add(requests(2, { family: "claude*" }));
    expect(await statuses(bench, token, 2, "lab/claude-x")).toBe("200 200");
    expect(await statuses(bench, token, 1, "lab/claude-x")).toBe("429");
    expect(await statuses(bench, token, 1, "both")).toBe("429");
    expect(await statuses(bench, token, 1, "other/gpt-x")).toBe("200");
    // The alias goes on to whoever is not used up.
    bench.asked();
    expect(await statuses(bench, token, 2, "smart")).toBe("200 200");
    expect(bench.asked()).toBe("b b");
  });

  it("of a fallback that has not answered is given back", async () => {
    await using bench = await people({
      providers: { lab: ["a"], other: ["b"] },
      listed: { lab: ["claude-x"], other: ["gpt-x"] },
      models: { smart: ["other/gpt-x", "lab/claude-x"] },
    });
    const { token, id } = await bench.add(requests(2, { family: "claude*" }));
    expect(await statuses(bench, token, 4, "smart")).toBe("200 200 200 200");
    expect(await bench.used(id)).toEqual([0]);
  });

  it("is shared by a group, and beside it holds that of each user", async () => {
    await using bench = await people();
    await bench.group({ id: "team", name: "Team", ...requests(3) });
    const one = await bench.add({ group: "team", ...requests(2) });
    const two = await bench.add({ group: "team" });
    expect(await statuses(bench, one.token, 3)).toBe("200 200 429");
    expect(await statuses(bench, two.token, 2)).toBe("200 429");
    const refused = await bench.as(two.token);
    expect(refused.error.message).toContain("Your group");
    expect(await bench.used("team", "groups")).toEqual([3]);
  });

  it("does not hold for special users", async () => {
    await using bench = await people();
    await bench.group({ id: "team", ...requests(1) });
    const { token, id } = await bench.add({ kind: "special", group: "team", limits: { rpm: 1 }, ...requests(1) });
    expect(await statuses(bench, token, 4)).toBe("200 200 200 200");
    expect(await bench.used(id)).toEqual([0]);
  });

  it("is what the config says for new users of a kind, unless something else is said", async () => {
    const defaults = { normal: { quotas: [{ unit: "requests" as const, period: "daily", amount: 1 }], maxIps: 4 } };
    await using bench = await people({ users: { defaults } });
    const usual = await bench.add();
    expect(usual).toMatchObject({ max_ips: 4, quotas: [{ amount: 1, family: "*" }] });
    expect((await bench.add({ quotas: [], max_ips: null })).quotas).toEqual([]);
    expect((await bench.add({ kind: "special" })).quotas).toEqual([]);
    expect(await statuses(bench, usual.token, 2)).toBe("200 429");
  });

  it("changed while a request runs holds from the next one on, and keeps what was used", async () => {
    const held = gate();
    await using bench = await people({ upstream: inTurn(stream([held]), answer({ usage })) });
    const { token, id } = await bench.add(requests(5));
    const running = bench.proxy.chat(
      { model: "lab/m", stream: true },
      { headers: { authorization: `Bearer ${token}` } },
    );
    await bench.clock.advance(1000);
    expect((await bench.api(`PATCH /api/users/${id}`, requests(1))).status).toBe(200);
    expect(await statuses(bench, token, 1)).toBe("429");
    held.open();
    await bench.finish(running);
    expect(await bench.used(id)).toEqual([1]);
    await bench.api(`PATCH /api/users/${id}`, { quotas: [] });
    expect(await statuses(bench, token, 2)).toBe("200 200");
    await bench.api(`PATCH /api/users/${id}`, requests(2));
    expect(await statuses(bench, token, 2)).toBe("200 429");
  });

  it("begins anew when it is refreshed, without what a request in flight has used of the old one", async () => {
    const held = gate();
    await using bench = await people({ upstream: inTurn(answer(), answer(), stream([held]), answer()) });
    const { token, id } = await bench.add(requests(3));
    expect(await statuses(bench, token, 2)).toBe("200 200");
    const running = bench.proxy.chat(
      { model: "lab/m", stream: true },
      { headers: { authorization: `Bearer ${token}` } },
    );
    await bench.clock.advance(1000);
    expect(await statuses(bench, token, 1)).toBe("429");
    expect((await bench.api(`POST /api/users/${id}/refresh`)).body).toEqual({ refreshed: 1 });
    expect(await bench.used(id)).toEqual([0]);
    held.open();
    await bench.finish(running);
    expect(await bench.used(id)).toEqual([0]);
    expect(await statuses(bench, token, 4)).toBe("200 200 200 429");
  });

  it("E4 holds on every route: chat, streams, embeddings, counting, the other protocols and what is only forwarded", async () => {
    const routes = [
      ["/v1/chat/completions", { messages: [{ role: "user", content: "x" }] }],
      ["/v1/chat/completions", { messages: [{ role: "user", content: "x" }], stream: true }],
      ["/v1/completions", { prompt: "x" }],
      ["/v1/responses", { input: "x" }],
      ["/v1/messages", { max_tokens: 5, messages: [{ role: "user", content: "x" }] }],
      ["/v1/messages/count_tokens", { messages: [{ role: "user", content: "x" }] }],
      ["/v1beta/models/lab/m:generateContent", { contents: [{ parts: [{ text: "x" }] }] }],
      ["/v1/embeddings", { input: "x" }],
      ["/v1/moderations", { input: "x" }],
      ["/v1/token-count", { messages: [{ role: "user", content: "x" }] }],
    ] as const;
    await using bench = await people();
    for (const budget of [requests(1), tokens(1)]) {
      const { token } = await bench.add(budget);
      expect((await bench.as(token)).status).toBe(200);
      for (const [path, body] of routes) {
        const before = bench.calls.length;
        const response = await bench.finish(
          bench.proxy.fetch(path, {
            method: "POST",
            headers: { "content-type": "application/json", "x-api-key": token },
            body: JSON.stringify({ model: "lab/m", ...body }),
          }),
        );
        expect([path, response.status]).toEqual([path, 429]);
        expect(bench.calls.length).toBe(before);
      }
    }
  });

  it("is refused in the client's protocol", async () => {
    await using bench = await people();
    const { token } = await bench.add(requests(1));
    await bench.as(token);
    const ask = (path: string, body: object) =>
      bench.finish(
        bench.proxy.fetch(path, {
          method: "POST",
          headers: { "content-type": "application/json", "x-api-key": token },
          body: JSON.stringify(body),
        }),
      );
    const messages = [{ role: "user", content: "x" }];
    const anthropic = await ask("/v1/messages", { model: "lab/m", max_tokens: 5, messages });
    expect(JSON.parse(anthropic.text)).toMatchObject({ type: "error", error: { type: "rate_limit_error" } });
    expect(anthropic.headers.get("anthropic-ratelimit-requests-remaining")).toBe("0");
    const gemini = await ask("/v1beta/models/lab/m:generateContent", { contents: [{ parts: [{ text: "x" }] }] });
    expect(JSON.parse(gemini.text)).toMatchObject({ error: { code: 429, status: "RESOURCE_EXHAUSTED" } });
  });
});

describe("what was reserved", () => {
  it("D8 E1 E3 is given back or kept, whatever becomes of the request", async () => {
    const slow = { firstToken: 1000, headers: 1000, whole: 1000, idle: 1000 };
    await using bench = await people({
      timeouts: slow,
      retry: { attempts: 1, queueWait: 0 },
      upstream: inTurn(
        silence(),
        status(500),
        drop(),
        errorInside("no"),
        answer({ usage }),
        stream([pause(5000)]),
        answer({ usage }),
      ),
    });
    const limits = { concurrency: 1, rpm: 100 };
    const { token, id } = await bench.add({ limits, quotas: [{ unit: "tokens", period: "daily", amount: 1e6 }] });
    for (let count = 0; count < 7; count++) {
      await bench.finish(
        bench.proxy.chat(
          { model: "lab/m", stream: count % 2 === 1 },
          { headers: { authorization: `Bearer ${token}` } },
        ),
      );
      await bench.clock.advance(60_000);
    }
    expect(bench.calls.length).toBe(7);
    // Two answers that were counted; one stream broke off and was counted by nobody, so its guess stays.
    const [used] = await bench.used(id);
    expect(used).toBeGreaterThanOrEqual(200);
    expect(used).toBeLessThan(200 + 1200);
    expect((await bench.as(token)).status).toBe(200);
  });

  it("D8 for an answer of the cache or of a filter costs a request and no tokens", async () => {
    const own = definePlugin({
      name: "own",
      hooks: { filter: ({ req }) => (req.headers.has("x-own") ? Response.json({}) : undefined) },
    });
    await using bench = await people({ plugins: [cache(), own], upstream: answer({ usage }) });
    const quotas = [
      { unit: "requests", period: "daily", amount: 10 },
      { unit: "tokens", period: "daily", amount: 5000 },
    ];
    const { token, id } = await bench.add({ quotas });
    await bench.as(token, "lab/m", { "x-own": "1" });
    expect(await bench.used(id)).toEqual([1, 0]);
  });

  it("E3 for a model nobody knows, or that no key can answer, counts nowhere", async () => {
    await using bench = await people();
    const { token, id } = await bench.add(requests(3));
    expect((await bench.as(token, "nobody/knows")).status).toBe(404);
    expect(await bench.used(id)).toEqual([0]);
  });
});

describe("limits of a user", () => {
  it("E5 of requests per minute hold to the millisecond, and are shared with the group's", async () => {
    await using bench = await people();
    await bench.group({ id: "team", limits: { rpm: 3 } });
    const one = await bench.add({ group: "team", limits: { rpm: 2 } });
    const two = await bench.add({ group: "team" });
    const start = bench.clock.now();
    expect(await statuses(bench, one.token, 3)).toBe("200 200 429");
    const refused = await bench.as(one.token);
    expect(refused.error.code).toBe("rate_limit_exceeded");
    expect(refused.headers.get("retry-after")).toBe("60");
    expect(await statuses(bench, two.token, 2)).toBe("200 429");
    await bench.clock.advanceTo(start + 59_999);
    expect(await statuses(bench, one.token, 1)).toBe("429");
    await bench.clock.advanceTo(start + 60_000);
    expect(await statuses(bench, one.token, 3)).toBe("200 200 429");
  });

  it("E1 of requests at once give their place back when a request ends, however long it took", async () => {
    const held = gate();
    await using bench = await people({ upstream: inTurn(stream([held]), answer()) });
    const { token } = await bench.add({ limits: { concurrency: 1 } });
    const running = bench.proxy.chat(
      { model: "lab/m", stream: true },
      { headers: { authorization: `Bearer ${token}` } },
    );
    await bench.clock.advance(100);
    expect((await bench.as(token)).error.code).toBe("rate_limit_exceeded");
    // Longer than a place lasts that nobody renews.
    await bench.clock.advance(20_000);
    await bench.clock.advance(20_000);
    expect((await bench.as(token)).status).toBe(429);
    held.open();
    await bench.finish(running);
    expect((await bench.as(token)).status).toBe(200);
  });
});

describe("what has been used", () => {
  it("is the same after a restart, for three users with budgets of every kind", async () => {
    const dataDir = folder();
    const bench = await people({ dataDir, upstream: answer({ usage }) });
    const made = [];
    for (const period of ["hourly", "monthly", "total"]) {
      made.push(
        await bench.add({
          quotas: [
            { unit: "requests", period, amount: 4 },
            { unit: "tokens", period, amount: 100_000 },
          ],
        }),
      );
    }
    for (const [index, { token }] of made.entries()) expect(await statuses(bench, token, index + 1)).not.toContain("4");
    await bench.proxy.close();
    await using again = await people({ dataDir, upstream: answer({ usage }) });
    for (const [index, { id }] of made.entries()) expect(await again.used(id)).toEqual([index + 1, (index + 1) * 100]);
    expect(await statuses(again, made[2]!.token, 2)).toBe("200 429");
    expect(await statuses(again, made[0]!.token, 4)).toBe("200 200 200 429");
  });
});
