import { describe, expect, it } from "vitest";
import { definePlugin } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { answer, status } from "waygate/testing";
import { lab } from "./_lab.ts";

const key = "sk-live-0123456789abcdefghijklmnop";
const admin = definePlugin({ name: "somebody", hooks: { auth: () => ({ id: "root", admin: true }) } });
const guest = definePlugin({ name: "somebody", hooks: { auth: () => ({ id: "guest" }) } });
const limit = (seconds: number): ReturnType<typeof status> =>
  status(429, { error: { message: `Slow down, ${key}` } }, { "retry-after": String(seconds) });
const oops = status(500, { error: { message: "Oops" } });

describe("A24 the error of a request that nobody could answer", () => {
  const providers = { lab: [{ value: key }, { value: "short-key" }], other: ["named"] };

  it("A24 tells an admin which keys were tried, masked, with status, reason and time", async () => {
    await using bench = await lab({
      providers: { lab: [{ value: key, label: undefined }], other: ["named"] },
      plugins: [admin, cooldown()],
      models: { smart: ["lab/m", "other/n"] },
      upstream: { [key]: limit(60), named: limit(120) },
    });
    const reply = await bench.ask("smart");
    const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
    expect(reply.error.details!.attempts).toEqual([
      {
        provider: "lab",
        model: "m",
        key: expect.stringMatching(/^sk-l.*mnop$/),
        status: 429,
        reason: "rate_limited",
        retry_at: at(60),
      },
      { provider: "other", model: "n", key: "named", status: 429, reason: "rate_limited", retry_at: at(120) },
    ]);
    expect(reply.text).not.toContain("0123456789");

    const skipped = await bench.ask("smart");
    expect(skipped.error.details!.attempts).toEqual([
      {
        provider: "lab",
        model: "m",
        key: expect.stringMatching(/^sk-l.*mnop$/),
        status: null,
        reason: "429, 60 s",
        retry_at: at(60),
      },
      { provider: "other", model: "n", key: "named", status: null, reason: "429, 120 s", retry_at: at(120) },
    ]);
  });

  it("A24 tells everybody else provider and reason only", async () => {
    await using bench = await lab({
      providers,
      plugins: [guest, cooldown()],
      models: { smart: ["lab/m", "other/n"] },
      upstream: oops,
    });
    const reply = await bench.ask("smart");
    const attempts = reply.error.details!.attempts;
    expect(attempts.length).toBeGreaterThan(2);
    for (const row of attempts) expect(Object.keys(row).toSorted()).toEqual(["provider", "reason"]);
    expect(reply.text).not.toMatch(/short-key|named|sk-live/);
  });

  it("A24 shows twenty entries at most", async () => {
    const keys = Array.from({ length: 60 }, (_, index) => `k${index}`);
    await using bench = await lab({
      providers: { lab: keys },
      plugins: [admin, cooldown()],
      retry: { attempts: 60, sameCredential: 0 },
      upstream: limit(600),
    });
    for (const count of ["60", "0"]) {
      const reply = await bench.ask();
      expect([reply.status, reply.headers.get("x-waygate-attempts")]).toEqual([429, count]);
      expect(reply.error.details!.attempts).toHaveLength(20);
    }
  });

  it("A24 a key that was tried is not listed again as skipped, even when keys changed meanwhile", async () => {
    await using bench = await lab({
      providers: { lab: ["a", "b"] },
      plugins: [
        admin,
        cooldown(),
        definePlugin({
          name: "changes",
          hooks: {
            fail: (_error, attempt) =>
              attempt.ctx.app.credentials.remove(attempt.ctx.app.credentials.list("lab")[2]?.id ?? ""),
          },
        }),
      ],
      upstream: limit(60),
    });
    bench.pool.add({ ...bench.pool.list("lab")[0]!, id: "lab:third", label: "third" });
    const reply = await bench.ask();
    expect(reply.error.details!.attempts.map((row) => row.key)).toEqual(["a", "b"]);
  });

  const names: [string, string][] = [
    ["quotes and backslashes", 'lab/a"b\\c"}],'],
    ["newlines and control characters", "lab/a\nb\r\u0000\u001b[31m"],
    ["emoji", "lab/🦜👩‍👩‍👧"],
    ["half an emoji", "lab/\ud83e"],
    ["a very long name", `lab/${"x".repeat(100_000)}`],
    ["a very long name of emoji", `lab/${"🦜".repeat(20_000)}`],
    ["HTML", "lab/<script>alert(1)</script>"],
    ["the name of a prototype", "lab/__proto__"],
  ];

  it.each(names)("A24 is valid JSON and short for %s as a model", async (_name, model) => {
    await using bench = await lab({ plugins: [cooldown()], upstream: limit(60) });
    for (let request = 0; request < 2; request++) {
      const reply = await bench.ask(model);
      expect(reply.status).toBe(429);
      expect(reply.error.message).toContain("has reached a limit");
      expect(reply.text.length).toBeLessThan(3000);
    }
    const unknown = await bench.ask(model.replace("lab/", "nowhere/"));
    expect([unknown.status, unknown.error.code]).toEqual([404, "model_not_found"]);
    expect(unknown.text.length).toBeLessThan(3000);
  });

  it.each(names)("A24 %s as a model is answered, and its place is given back", async (_name, model) => {
    await using bench = await lab({ upstream: answer() });
    const reply = await bench.ask(model);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("x-waygate-model")!.length).toBeLessThan(4096);
    expect(bench.pool.inFlight(bench.id("a"))).toBe(0);
    expect(bench.calls[0]!.model).toBe(model.slice(4));
  });
});
