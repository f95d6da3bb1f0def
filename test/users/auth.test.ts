/** Who is let in: tokens, their ends, addresses, models, and wrong keys. */
import { describe, expect, it } from "vitest";
import { proxyKey } from "waygate/plugins/proxy-key";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { folder, people } from "./_people.ts";

const HOUR = 3_600_000;
const from = (ip: string): Record<string, string> => ({ "x-forwarded-for": ip });

describe("a token", () => {
  it("lets its user in, is shown once, and is nowhere in the database", async () => {
    const dataDir = folder();
    await using bench = await people({ dataDir });
    const { token, id, ...rest } = await bench.add({ name: "Зоя 🦊 王" });
    expect(token).toMatch(/^wg-[\w-]{43}$/);
    expect(rest).toMatchObject({ name: "Зоя 🦊 王", state: "active", token_hint: token.slice(-4), version: 1 });
    expect((await bench.as(token)).status).toBe(200);
    const shown = await bench.api(`GET /api/users/${id}`);
    expect(shown.headers.get("cache-control")).toBe("no-store");
    expect(JSON.stringify(shown.body)).not.toContain(token);
    await bench.proxy.app.database!.flush();
    const file = new DatabaseSync(join(dataDir, "waygate.db"));
    const all = ["users", "audit", "quotas", "snapshot"].map((table) => file.prepare(`SELECT * FROM ${table}`).all());
    file.close();
    expect(JSON.stringify(all)).toContain("Зоя");
    expect(JSON.stringify(all)).not.toContain(token.slice(3));
  });

  it("is taken from every header that clients send it in", async () => {
    await using bench = await people();
    const { token } = await bench.add();
    for (const name of ["x-api-key", "x-goog-api-key"]) {
      expect((await bench.ask("lab/m", { headers: { [name]: token } })).status).toBe(200);
    }
    expect((await bench.ask()).status).toBe(401);
  });

  it.each<[string, object, number, string]>([
    ["disabled", { act: "disable" }, 403, "user_disabled"],
    ["expired", { expires_at: 1 }, 401, "token_expired"],
  ])("of a user who is %s is refused by that name", async (_name, { act, ...edit }: { act?: string }, status, code) => {
    await using bench = await people();
    const { token, id } = await bench.add();
    if (act) await bench.api(`POST /api/users/${id}/${act}`, { reason: "left the team" });
    else await bench.api(`PATCH /api/users/${id}`, edit);
    const refused = await bench.as(token);
    expect([refused.status, refused.error.code]).toEqual([status, code]);
    if (act) expect(refused.error.message).toContain("left the team");
    expect(bench.calls).toEqual([]);
  });

  it("is replaced by a rotation at once", async () => {
    await using bench = await people();
    const { token, id } = await bench.add();
    const { body } = await bench.api<{ token: string; version: number }>(`POST /api/users/${id}/rotate`);
    expect(body.version).toBe(2);
    expect((await bench.as(token)).status).toBe(401);
    expect((await bench.as(body.token)).status).toBe(200);
  });

  it("of a removed user is nobody's", async () => {
    await using bench = await people();
    const { token, id } = await bench.add({ quotas: [{ unit: "requests", period: "daily", amount: 5 }] });
    expect((await bench.api(`DELETE /api/users/${id}`)).status).toBe(200);
    expect((await bench.as(token)).status).toBe(401);
    expect((await bench.api(`GET /api/users/${id}`)).status).toBe(404);
  });

  it("stands beside the proxy's key, whichever comes first in the config", async () => {
    for (const [before, after] of [
      [true, false],
      [false, true],
    ]) {
      const key = proxyKey({ keys: "the-proxy-key" });
      await using bench = await people({ ...(after && { plugins: [key] }), ...(before && { plugins: [key] }) });
      const { token } = await bench.add();
      expect((await bench.as(token)).status).toBe(200);
      expect((await bench.as("the-proxy-key")).status).toBe(200);
      expect((await bench.as("wrong")).status).toBe(401);
    }
  });
});

describe("temporary users", () => {
  it("end after their time and are removed 48 hours later", async () => {
    await using bench = await people();
    const { token, id, expires_at: end } = await bench.add({ kind: "temporary" });
    expect(Date.parse(end!) - bench.clock.now()).toBe(24 * HOUR);
    await bench.clock.advance(24 * HOUR - 1);
    expect((await bench.as(token)).status).toBe(200);
    await bench.clock.advance(200);
    expect((await bench.as(token)).error.code).toBe("token_expired");
    await bench.clock.advance(47 * HOUR);
    expect((await bench.api<{ purged: number }>("POST /api/users/purge")).body).toEqual({ purged: 0 });
    await bench.clock.advance(HOUR);
    await bench.api("POST /api/users/purge");
    expect((await bench.api(`GET /api/users/${id}`)).status).toBe(404);
  });
});

describe("addresses", () => {
  it("beyond the limit are refused, and the known ones go on", async () => {
    await using bench = await people({ listen: true });
    const { token, id } = await bench.add({ max_ips: 2 });
    expect((await bench.as(token, "lab/m", from("192.0.2.1"))).status).toBe(200);
    expect((await bench.as(token, "lab/m", from("192.0.2.2"))).status).toBe(200);
    const third = await bench.as(token, "lab/m", from("192.0.2.3"));
    expect([third.status, third.error.code]).toEqual([403, "ip_not_allowed"]);
    expect((await bench.as(token, "lab/m", from("192.0.2.1"))).status).toBe(200);
    expect((await bench.api(`GET /api/users/${id}`)).body.ips).toBe(2);
  });

  it("beyond the limit ban the user where that is switched on, until somebody enables it", async () => {
    await using bench = await people({ listen: true });
    const { token, id } = await bench.add({ max_ips: 1, ban_over_ips: true });
    await bench.as(token, "lab/m", from("192.0.2.1"));
    expect((await bench.as(token, "lab/m", from("192.0.2.2"))).error.code).toBe("user_disabled");
    expect((await bench.as(token, "lab/m", from("192.0.2.1"))).error.code).toBe("user_disabled");
    expect((await bench.api(`GET /api/users/${id}`)).body.disabled_reason).toBe("used from too many addresses");
    await bench.api(`POST /api/users/${id}/enable`);
    expect((await bench.as(token, "lab/m", from("192.0.2.2"))).status).toBe(200);
  });

  it("are kept as HMACs only, and over a restart", async () => {
    const dataDir = folder();
    const bench = await people({ dataDir, listen: true });
    const { token } = await bench.add({ max_ips: 1 });
    await bench.as(token, "lab/m", from("192.0.2.77"));
    await bench.proxy.close();
    const file = new DatabaseSync(join(dataDir, "waygate.db"));
    const rows = file.prepare("SELECT * FROM user_ips").all();
    file.close();
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain("192.0.2.77");
    await using again = await people({ dataDir, listen: true });
    expect((await again.as(token, "lab/m", from("192.0.2.78"))).status).toBe(403);
    expect((await again.as(token, "lab/m", from("192.0.2.77"))).status).toBe(200);
  });
});

describe("models", () => {
  it("are those of the user, else of its group, else all", async () => {
    await using bench = await people({ listed: { lab: ["m", "n", "o"] } });
    await bench.group({ id: "team", models: ["n"] });
    const plain = await bench.add();
    const grouped = await bench.add({ group: "team" });
    const own = await bench.add({ group: "team", models: ["o*"] });
    const statuses = async (token: string): Promise<string> => {
      const all: number[] = [];
      for (const model of ["lab/m", "lab/n", "lab/o"]) all.push((await bench.as(token, model)).status);
      return all.join(" ");
    };
    expect(await statuses(plain.token)).toBe("200 200 200");
    expect(await statuses(grouped.token)).toBe("403 200 403");
    expect(await statuses(own.token)).toBe("403 403 200");
    expect((await bench.as(own.token, "lab/m")).error.code).toBe("model_not_allowed");
    await bench.api("PATCH /api/groups/team", { models: null });
    expect(await statuses(grouped.token)).toBe("200 200 200");
  });
});

describe("keys of the proxy", () => {
  it("G6 answer those they are for, and a user who may use none of them is told so", async () => {
    await using bench = await people({
      providers: { lab: ["mia", "uli"], other: ["shared"] },
      listed: { other: ["m"] },
    });
    const mia = await bench.add({ credentials: ["lab/mia"] });
    await bench.group({ id: "uli", credentials: ["lab/uli", "other/*"] });
    const uli = await bench.add({ group: "uli" });
    for (let count = 0; count < 3; count++) await bench.as(mia.token);
    expect(bench.asked()).toBe("mia mia mia");
    for (let count = 0; count < 3; count++) await bench.as(uli.token);
    expect(bench.asked()).toBe("uli uli uli");
    expect((await bench.as(uli.token, "other/m")).status).toBe(200);
    const refused = await bench.as(mia.token, "other/m");
    expect(refused.status).toBe(503);
    expect(bench.asked()).toBe("shared");
  });
});

describe("wrong keys", () => {
  it("are answered with 429 when an address has sent too many, and nobody else's, nor a known token's", async () => {
    await using bench = await people({ users: { tries: { most: 3 } }, listen: true });
    const { token } = await bench.add();
    const wrong = async (ip: string): Promise<number> => (await bench.as("wg-wrong", "lab/m", from(ip))).status;
    expect([await wrong("192.0.2.1"), await wrong("192.0.2.1"), await wrong("192.0.2.1")]).toEqual([401, 401, 401]);
    const refused = await bench.as("wg-wrong", "lab/m", from("192.0.2.1"));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "600"]);
    expect(await wrong("192.0.2.2")).toBe(401);
    expect((await bench.as(token, "lab/m", from("192.0.2.1"))).status).toBe(200);
    await bench.clock.advance(600_000);
    expect(await wrong("192.0.2.1")).toBe(401);
  });

  it("counts only for the socket's address where no proxy is trusted", async () => {
    await using bench = await people({ users: { tries: { most: 1 } }, server: { trustProxy: false }, listen: true });
    expect((await bench.as("wg-wrong", "lab/m", from("192.0.2.1"))).status).toBe(401);
    expect((await bench.as("wg-wrong", "lab/m", from("192.0.2.2"))).status).toBe(429);
  });
});

it("without a database users() does not start, and says why", async () => {
  await expect(people({ database: false })).rejects.toThrow(/there is none/);
});
