import { describe, expect, it, vi } from "vitest";
import { definePlugin, type Plugin, ProxyError } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { answer, createTestProxy, gate, later, silence, status, type Step } from "waygate/testing";
import type { KeyActDocument } from "../../src/server/routes/key-acts.ts";
import { inTurn, type Lab, lab, type LabOptions } from "../rules/_lab.ts";

const everybody = definePlugin({ name: "everybody", hooks: { auth: () => ({ id: "me", admin: true }) } });
const secret = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789";
const refused = status(401, { error: { message: `Incorrect API key provided: ${secret}` } });

const start = (options: LabOptions = {}): Promise<Lab> =>
  lab({ providers: { lab: ["a", "b"] }, ...options, plugins: [everybody, cooldown(), ...(options.plugins ?? [])] });

async function act(bench: Lab, key: string, what: string, init: RequestInit = {}): Promise<[number, KeyActDocument]> {
  const path = `/api/keys/${encodeURIComponent(bench.id(key))}/${what}`;
  const { status: code, text } = await bench.finish(bench.proxy.fetch(path, { method: "POST", ...init }));
  return [code, JSON.parse(text) as KeyActDocument];
}

describe("POST /api/keys/{id}/…", () => {
  it("is for administrators, and for keys and acts that are there", async () => {
    await using bench = await start();
    const path = `/api/keys/${bench.id("a")}`;
    const code = async (at: string, method = "POST"): Promise<number> =>
      (await bench.proxy.fetch(at, { method })).status;
    expect(await code(`${path}/enable`)).toBe(200);
    expect(await code(`${path}/enable`, "GET")).toBe(405);
    expect(await code("/api/keys/status", "POST")).toBe(405);
    for (const missing of [
      path,
      `${path}/remove`,
      "/api/keys/enable",
      "/api/keys//enable",
      "/api/keys/lab:none/probe",
    ]) {
      expect(await code(missing)).toBe(404);
    }
    const guest = definePlugin({ name: "guest", hooks: { auth: () => ({ id: "you" }) } });
    await using other = await createTestProxy({ plugins: [guest] });
    expect((await other.fetch("/api/keys/x:y/disable", { method: "POST" })).status).toBe(403);
  });

  it("disable takes a key out at once, for every model and a retry under way, until it is enabled", async () => {
    const door = gate();
    const broken = status(500, { error: { message: "Oops" } });
    await using bench = await start({ upstream: { a: inTurn(later(broken, door), answer()) } });
    const running = bench.proxy.chat({ model: "lab/m" });
    await door.reached;
    const body = JSON.stringify({ reason: `  moving\n${secret} ` });
    const [code, row] = await act(bench, "a", "disable", { body });
    expect(code).toBe(200);
    expect(row).toMatchObject({ provider: "lab", label: "a", state: "disabled", until: null });
    expect(row.reason).toMatch(/^moving \S+$/);
    expect(row.reason).not.toContain("abcdefghijklmnop");
    door.open();
    await bench.finish(running);
    expect(bench.asked()).toBe("a b");
    for (const model of ["lab/m", "lab/other"]) await bench.ask(model);
    await bench.clock.advance(7 * 86_400_000);
    await bench.ask();
    expect(bench.asked()).toBe("b b b");
    expect((await act(bench, "a", "enable"))[1].state).toBe("active");
    await bench.ask();
    expect(bench.asked()).toBe("a");
  });

  it("what fails late does not make a disabled key anything else, and enabling it ends every rest (report 8)", async () => {
    const door = gate();
    await using bench = await start({ upstream: { a: later(status(402, { error: { message: "Pay" } }), door) } });
    const running = bench.proxy.chat({ model: "lab/m" });
    await door.reached;
    await act(bench, "a", "disable");
    door.open();
    await bench.finish(running);
    expect(bench.rests()).toEqual(["a disabled Infinity"]);
    const { pool } = bench;
    const until = bench.clock.now() + 60_000;
    const limit = { state: "cooling", until, policy: "test", reason: "", kind: "rate_limited" } as const;
    pool.rest({ provider: "lab", credential: bench.id("a"), model: "m" }, limit);
    pool.rest({ provider: "lab", credential: bench.id("b"), model: "m" }, limit);
    await act(bench, "a", "enable");
    expect(bench.rests()).toEqual(["b/m cooling 60"]);
  });

  it("refuses a reason that is none", async () => {
    await using bench = await start();
    expect((await act(bench, "a", "disable", { body: '{"reason": 5}' }))[0]).toBe(400);
    expect((await act(bench, "a", "disable", { body: "{" }))[0]).toBe(400);
    expect((await act(bench, "a", "disable", { body: JSON.stringify({ reason: "x".repeat(20_000) }) }))[0]).toBe(413);
    expect(bench.rests()).toEqual([]);
  });
});

describe("probe", () => {
  const invalid = async (bench: Lab): Promise<void> => {
    await bench.ask();
    await bench.clock.advance(300_000);
    await bench.ask();
    expect(bench.rests()).toContainEqual("a invalid Infinity");
    bench.asked();
  };
  const once = (...steps: readonly Step[]): LabOptions => ({ upstream: { a: inTurn(refused, refused, ...steps) } });

  it("A2 asks for one token where there is no list, and an answer ends an invalid key", async () => {
    await using bench = await start(once(answer()));
    await invalid(bench);
    const [, row] = await act(bench, "a", "probe");
    expect(row).toMatchObject({ state: "active", reason: null, probe: { ok: true, by: "completion", error: null } });
    expect(bench.calls.at(-1)).toMatchObject({ key: "a", model: "m" });
    expect(bench.proxy.records).toHaveLength(2);
  });

  it.each<[string, Step]>([
    ["a fault of the request", status(400, { error: { message: "max_tokens is too small" } })],
    ["a limit", status(429, { error: { message: "Slow down" } })],
  ])("A2 takes %s for a sign that the key is let in", async (_name, step) => {
    await using bench = await start(once(step));
    await invalid(bench);
    expect((await act(bench, "a", "probe"))[1].state).toBe("active");
  });

  it.each<[string, Step, RegExp]>([
    ["a refusal", refused, /Incorrect API key/],
    ["no credit", status(402, { error: { message: "No credit" } }), /No credit/],
    ["trouble", status(500, { error: { message: "Oops" } }), /Oops/],
    ["silence", silence(), /10 s/],
  ])("leaves the key as it is for %s, says why, and keeps secrets", async (_name, step, why) => {
    await using bench = await start(once(step));
    await invalid(bench);
    const [code, row] = await act(bench, "a", "probe");
    expect([code, row.state, row.probe?.ok]).toEqual([200, "invalid", false]);
    expect(row.probe?.error).toMatch(why);
    expect(JSON.stringify(row)).not.toContain("abcdefghijklmnop");
    expect(bench.rests()).toEqual(["a invalid Infinity"]);
  });

  const listing = (discover: () => Promise<string[]>): Plugin =>
    definePlugin({
      name: "listing",
      providers: [
        {
          name: "shop",
          protocol: "openai-chat",
          models: ["m", "n"],
          prepare: (wire) => ({ ...wire, url: `http://shop.invalid/v1${wire.url}` }),
          discover,
        },
      ],
    });

  it("asks for the list where there is one, which wakes what failed and no limit", async () => {
    let asked = 0;
    await using bench = await start({ plugins: [listing(async () => (asked++, ["m", "o"]))] });
    const { pool } = bench;
    const credential = { id: "shop:1", provider: "shop", data: {}, label: "one" };
    pool.add(credential);
    const until = bench.clock.now() + 1e9;
    const rest = (kind: "failing" | "rate_limited", model?: string): void =>
      pool.rest(
        { provider: "shop", credential: "shop:1", model },
        { state: "cooling", until, policy: "test", reason: "", kind },
      );
    await vi.waitFor(() => expect(asked).toBe(1));
    const before = asked;
    rest("failing");
    rest("failing", "m");
    rest("failing", "n");
    rest("rate_limited", "o");
    expect(await pool.probe(credential)).toEqual({ by: "list", models: ["m", "o"] });
    expect(asked - before).toBe(1);
    expect(pool.rests().map(({ target }) => target.model)).toEqual(["n", "o"]);
  });

  it("does not enable what somebody has disabled, and fails for what cannot be asked", async () => {
    await using bench = await start();
    await act(bench, "a", "disable");
    expect((await act(bench, "a", "probe"))[1]).toMatchObject({ state: "disabled", probe: { ok: true } });
    const stray = { id: "gone:1", provider: "gone", data: {} };
    await expect(bench.pool.probe(stray)).rejects.toSatisfy(ProxyError.is);
    await expect(bench.pool.probe(bench.pool.list("lab")[0]!, { by: "list" })).rejects.toThrow(/no list/);
  });

  it("asks for an answer, not for the list, where it is about money (report 21)", async () => {
    let listed = 0;
    await using bench = await start({ plugins: [listing(async () => (listed++, ["m"]))] });
    const credential = { id: "shop:1", provider: "shop", data: {} };
    const target = { provider: "shop", credential: "shop:1" };
    bench.pool.add(credential);
    await vi.waitFor(() => expect(listed).toBe(1));
    const before = listed;
    for (const state of ["no-credit", "exhausted"] as const) {
      bench.pool.rest(target, { state, until: Number.POSITIVE_INFINITY, policy: "test", reason: "", kind: "dead" });
      expect(await bench.pool.probe(credential)).toEqual({ by: "completion", models: ["m"] });
      expect(bench.pool.restOf(target)).toBeUndefined();
    }
    expect(listed - before).toBe(0);
    expect(await bench.pool.probe(credential, { by: "completion", model: "x" })).toMatchObject({ models: ["x"] });
    expect(await bench.pool.probe(credential)).toMatchObject({ by: "list" });
  });
});
