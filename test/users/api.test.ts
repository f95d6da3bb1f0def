/** The admin API of users and groups. */
import { DatabaseSync } from "node:sqlite";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { UserPage } from "waygate/plugins/users";
import { folder, people, type People } from "./_people.ts";

const SQL = `'; DROP TABLE users; -- " OR 1=1 \\ %_`;

/** All users of a file, as they are there. */
function inFile(dataDir: string): Record<string, unknown>[] {
  const file = new DatabaseSync(join(dataDir, "waygate.db"));
  const rows = file.prepare("SELECT * FROM users ORDER BY id").all();
  file.close();
  return rows;
}

describe("who may edit", () => {
  it("is whoever has ADMIN_KEY, and no user", async () => {
    await using bench = await people();
    const { token, id } = await bench.add();
    for (const call of [
      "GET /api/users",
      "POST /api/users",
      `DELETE /api/users/${id}`,
      "GET /api/groups",
      "GET /api/users/export",
    ]) {
      expect((await bench.api(call, undefined, { authorization: `Bearer ${token}` })).status).toBe(403);
      expect((await bench.api(call, undefined, { authorization: "" })).status).toBe(401);
    }
  });
});

describe("an edit", () => {
  it("E6 leaves omitted fields as they were, and null takes one away", async () => {
    await using bench = await people();
    await bench.group({ id: "team" });
    const whole = {
      ...{
        name: "Mia",
        note: "n",
        group: "team",
        models: ["a*"],
        credentials: ["lab/*"],
        limits: { rpm: 5 },
        max_ips: 3,
      },
      ...{ ban_over_ips: true, quotas: [{ family: "*", unit: "requests", period: "daily", amount: 5 }] },
    };
    const { id } = await bench.add(whole);
    const { body: before } = await bench.api(`GET /api/users/${id}`);
    const { body: named } = await bench.api(`PATCH /api/users/${id}`, { name: "Mia M." });
    expect(named).toEqual({ ...before, name: "Mia M.", version: 2 });
    const { body: less } = await bench.api(`PATCH /api/users/${id}`, { models: null, limits: null, group: null });
    expect(less).toEqual({ ...named, models: null, limits: null, group: null, version: 3 });
    const { body: group } = await bench.api<{ limits: object }>("PATCH /api/groups/team", { limits: { tpm: 7 } });
    expect(group).toMatchObject({ id: "team", name: "team", limits: { tpm: 7 }, version: 2 });
  });

  it("of a version that somebody else has edited is a 409 that changes nothing", async () => {
    await using bench = await people();
    const { id } = await bench.add({ name: "Mia" });
    const first = await bench.api(`GET /api/users/${id}`);
    const match = { "if-match": first.headers.get("etag")! };
    expect((await bench.api(`PATCH /api/users/${id}`, { name: "one" }, match)).status).toBe(200);
    const late = await bench.api(`PATCH /api/users/${id}`, { name: "two" }, match);
    expect(late.status).toBe(409);
    expect(late.error.message).toContain("version 2 is there, and you edited version 1");
    expect((await bench.api(`PATCH /api/users/${id}`, { name: "three", version: 1 })).status).toBe(409);
    expect((await bench.api(`GET /api/users/${id}`)).body.name).toBe("one");
    expect((await bench.api(`PATCH /api/users/${id}`, { name: "three", version: 2 })).body.version).toBe(3);
  });

  it("of two administrators on two workers at once gets through once; without a version both do, one after the other", async () => {
    const dataDir = folder();
    await using one = await people({ dataDir });
    const { id } = await one.add({ name: "Mia" });
    await using two = await people({ dataDir });
    const both = (body: object): Promise<number[]> =>
      Promise.all([one, two].map(async (each) => (await each.api(`PATCH /api/users/${id}`, body)).status));
    expect((await both({ note: "x", version: 1 })).toSorted()).toEqual([200, 409]);
    expect(await both({ note: "y" })).toEqual([200, 200]);
    expect(inFile(dataDir)[0]!["version"]).toBe(4);
  });

  it("on one worker is known to the others after a look", async () => {
    const dataDir = folder();
    await using one = await people({ dataDir });
    const mia = await one.add({ name: "Mia", quotas: [{ unit: "requests", period: "total", amount: 2 }] });
    await using two = await people({ dataDir });
    expect((await two.as(mia.token)).status).toBe(200);
    const uli = await one.add();
    await one.api(`POST /api/users/${mia.id}/disable`);
    expect((await two.as(uli.token)).status).toBe(401);
    const looked = async (): Promise<string> => {
      await two.clock.advance(2000);
      await new Promise((resolve) => setTimeout(resolve, 25));
      return `${(await two.as(uli.token)).status} ${(await two.as(mia.token)).status}`;
    };
    await expect.poll(looked).toBe("200 403");
    await one.api(`DELETE /api/users/${uli.id}`);
    await expect.poll(looked).toBe("401 403");
  });

  it.each<[string, object, string]>([
    ["an unknown field", { nmae: "x" }, "nmae"],
    ["a name that is no text", { name: 5 }, "name"],
    ["a name with control characters", { name: "a\u0000b" }, "name"],
    ["a name that is half a character", { name: "\ud83e" }, "name"],
    ["a name that is too long", { name: "x".repeat(81) }, "name"],
    ["an unknown kind", { kind: "admin" }, "kind"],
    ["a group nobody has made", { group: "nobody" }, "group"],
    ["an unknown limit", { limits: { rpx: 1 } }, "limits.rpx"],
    [
      "a period that never comes",
      { quotas: [{ unit: "tokens", period: "0 0 30 2 *", amount: 1 }] },
      "quotas[0].period",
    ],
    ["a period that is none", { quotas: [{ unit: "tokens", period: "weekly", amount: 1 }] }, "quotas[0].period"],
    ["an amount of nothing", { quotas: [{ unit: "tokens", period: "daily", amount: 0 }] }, "quotas[0].amount"],
    ["a time that is none", { expires_at: "soon" }, "expires_at"],
    ["a token of its own that is short", { token: "short" }, "token"],
    ["an id with a slash", { id: "a/b" }, "id"],
  ])("with %s is a 400 that names it", async (_name, body, param) => {
    await using bench = await people();
    const said = await bench.api("POST /api/users", body);
    expect([said.status, said.error.param]).toEqual([400, param]);
    expect((await bench.api<UserPage>("GET /api/users")).body.total).toBe(0);
  });
});

describe("SQL in every field", () => {
  it("is text like any other", async () => {
    const dataDir = folder();
    await using bench = await people({ dataDir });
    await bench.group({
      id: "team",
      name: SQL,
      note: SQL,
      models: [SQL],
      quotas: [{ family: SQL, unit: "tokens", period: "daily", amount: 9 }],
    });
    const quotas = [{ family: SQL, unit: "requests", period: "daily", amount: 9 }];
    const body = { name: SQL, note: SQL, models: [SQL, "*"], credentials: [SQL, "*"], group: "team", quotas };
    const { id, token } = await bench.add(body);
    expect((await bench.as(token)).status).toBe(200);
    expect((await bench.as(SQL)).status).toBe(401);
    await bench.api(`POST /api/users/${id}/disable`, { reason: SQL });
    for (const name of ["search", "kind", "group", "state"]) {
      expect((await bench.api(`GET /api/users?${name}=${encodeURIComponent(SQL)}`)).status).toBe(200);
    }
    const wrong = encodeURIComponent(SQL);
    for (const call of [`GET /api/users/${wrong}`, `DELETE /api/users/${wrong}`, `PATCH /api/users/${wrong}`]) {
      expect((await bench.api(call, call.startsWith("P") ? {} : undefined)).status).toBe(404);
    }
    expect((await bench.api("POST /api/users", { id: SQL })).status).toBe(400);
    expect((await bench.api(`GET /api/users/${id}`)).body).toMatchObject({
      name: SQL,
      note: SQL,
      disabled_reason: SQL,
    });
    expect(inFile(dataDir)).toHaveLength(1);
  });
});

describe("the list", () => {
  it(
    "of 10,000 users is paged, searched and imported, and one of them is let in at once",
    { timeout: 60_000 },
    async () => {
      await using bench = await people();
      const tokenOf = (index: number): string => `token-of-user-${index}-0123456789`;
      const users = Array.from({ length: 10_000 }, (_, index) => ({
        id: `u${index}`,
        name: `Ünï ${index}`,
        token: tokenOf(index),
        quotas: [{ unit: "tokens", period: "daily", amount: 1e6 }],
      }));
      expect((await bench.api("POST /api/users/import", { users })).body).toEqual({
        users: 10_000,
        groups: 0,
        skipped: 0,
      });
      const page = (await bench.api<UserPage>("GET /api/users?limit=5&offset=10")).body;
      expect(page.total).toBe(10_000);
      expect(page.users).toHaveLength(5);
      expect((await bench.api<UserPage>("GET /api/users?search=ünï 1234")).body.users.map(({ id }) => id)).toEqual([
        "u1234",
      ]);
      expect((await bench.api<UserPage>("GET /api/users?limit=9999")).body.users).toHaveLength(500);
      expect((await bench.as(tokenOf(9876))).status).toBe(200);
      expect((await bench.api("POST /api/users/import", { users: users.slice(0, 3) })).body).toMatchObject({
        skipped: 3,
      });
    },
  );

  it("is cut down to a kind, a group or a state", async () => {
    await using bench = await people();
    await bench.group({ id: "team" });
    await bench.add({ name: "a", kind: "temporary" });
    await bench.add({ name: "b", group: "team" });
    const { id } = await bench.add({ name: "c" });
    await bench.api(`POST /api/users/${id}/disable`);
    const names = async (query: string): Promise<string> =>
      (await bench.api<UserPage>(`GET /api/users?${query}`)).body.users.map(({ name }) => name).join();
    expect(await names("kind=temporary")).toBe("a");
    expect(await names("group=team")).toBe("b");
    expect(await names("state=disabled")).toBe("c");
    expect((await bench.api("GET /api/users?limit=many")).status).toBe(400);
  });
});

describe("an export", () => {
  const filled = async (bench: People): Promise<string> => {
    await bench.group({
      id: "team",
      name: "Team",
      limits: { rpm: 9 },
      quotas: [{ unit: "cost", period: "monthly", amount: 5 }],
    });
    const { token } = await bench.add({ name: "Mia", group: "team", models: ["*"], max_ips: 2 });
    await bench.add({ kind: "temporary", quotas: [{ unit: "tokens", period: "total", amount: 7 }] });
    return token;
  };

  it("imported elsewhere lets the same tokens in, with the same quotas, and holds no token", async () => {
    await using one = await people();
    const token = await filled(one);
    const { body } = await one.api<object>("GET /api/users/export");
    expect(JSON.stringify(body)).not.toContain(token);
    await using two = await people();
    expect((await two.api("POST /api/users/import", body)).body).toEqual({ users: 2, groups: 1, skipped: 0 });
    expect((await two.as(token)).status).toBe(200);
    expect((await two.api<object>("GET /api/users/export")).body).toEqual(body);
    expect((await two.api("POST /api/users/import", body)).body).toEqual({ users: 0, groups: 0, skipped: 3 });
  });

  it("with one bad entry is imported not at all", async () => {
    await using bench = await people();
    const users = [{ token: "a-token-that-is-fine" }, { name: "no token" }];
    const said = await bench.api("POST /api/users/import", { users });
    expect([said.status, said.error.param]).toEqual([400, "users[1]"]);
    expect((await bench.api<UserPage>("GET /api/users")).body.total).toBe(0);
  });

  it("of oai-reverse-proxy brings its users with their tokens", async () => {
    await using bench = await people();
    const token = "6f1a3a3e-0000-4000-8000-1234567890ab";
    const users = [
      {
        ...{ token, nickname: "Uli", type: "special", ip: ["192.0.2.1"], promptCount: 4, tokenCounts: { gpt4: 5 } },
        ...{
          tokenLimits: { gpt4: 0 },
          createdAt: 1_700_000_000_000,
          maxIps: 0,
          adminNote: "old",
          disabledAt: 1_700_000_000_001,
        },
        ...{ disabledReason: "why", meta: {} },
      },
    ];
    await bench.api("POST /api/users/import", { users });
    const [found] = (await bench.api<UserPage>("GET /api/users")).body.users;
    expect(found).toMatchObject({ name: "Uli", kind: "special", note: "old", disabled_reason: "why", max_ips: null });
    expect((await bench.as(token)).error.code).toBe("user_disabled");
  });
});

it("what is done is in the audit, by whom and without a token", async () => {
  const dataDir = folder();
  await using bench = await people({ dataDir });
  const { id, token } = await bench.add({ name: "Mia" });
  const { body } = await bench.api<{ token: string }>(`POST /api/users/${id}/rotate`);
  await bench.api(`DELETE /api/users/${id}`);
  const file = new DatabaseSync(join(dataDir, "waygate.db"));
  const rows = file.prepare("SELECT actor, action, subject, detail FROM audit ORDER BY id").all();
  file.close();
  expect(rows.map(({ actor, action, subject }) => [actor, action, subject])).toEqual([
    ["ADMIN_KEY", "user.add", `user:${id}`],
    ["ADMIN_KEY", "user.rotate", `user:${id}`],
    ["ADMIN_KEY", "user.remove", `user:${id}`],
  ]);
  for (const secret of [token, body.token].flatMap((each) => [each, createHash("sha256").update(each).digest("hex")])) {
    expect(JSON.stringify(rows)).not.toContain(secret);
  }
});

it("groups are listed with their users, and a removed one leaves its users behind", async () => {
  await using bench = await people();
  await bench.group({ id: "team", models: ["x"] });
  const { id, token } = await bench.add({ group: "team" });
  const { body } = await bench.api<{ groups: { id: string; users: number }[] }>("GET /api/groups");
  expect(body.groups).toMatchObject([{ id: "team", users: 1 }]);
  expect((await bench.api("POST /api/groups", { id: "team" })).status).toBe(409);
  await bench.api("DELETE /api/groups/team");
  expect((await bench.api(`GET /api/users/${id}`)).body).toMatchObject({ group: null, version: 2 });
  expect((await bench.as(token)).status).toBe(200);
});
