/** The database away, full or damaged: who is known goes on, edits fail in words, and nothing is lost silently. */
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createProxy, type DatabaseAnswer, type DatabaseAsk, type DatabaseEngine, definePlugin } from "waygate";
import { type UserPage, users } from "waygate/plugins/users";
import { folder, people } from "./_people.ts";
import { startThread } from "../../src/database/thread.ts";

/** The file's own engine, which can be told to be away. */
function failing(): { readonly plugin: ReturnType<typeof definePlugin>; fault: string | undefined } {
  const state: { fault: string | undefined } = { fault: undefined };
  const plugin = definePlugin({
    name: "flaky",
    database: {
      name: "flaky",
      dialect: "sqlite",
      place: join(folder(), "flaky.db"),
      start(): DatabaseEngine {
        const thread = startThread();
        return {
          ask: (ask: DatabaseAsk): Promise<DatabaseAnswer> =>
            state.fault === undefined || ask.type === "close"
              ? thread.ask(ask)
              : Promise.resolve({ fault: { kind: state.fault as "away", why: "a test says so" } }),
          end: () => thread.end(),
        };
      },
    },
  });
  return Object.assign(state, { plugin });
}

it.each(["busy", "disk_full", "away", "failed"])(
  "%s: known users go on and are counted, edits are a 503 in words, health says so, and all is saved when it is back",
  async (kind) => {
    const flaky = failing();
    await using bench = await people({ plugins: [flaky.plugin] });
    const quotas = [{ unit: "requests", period: "total", amount: 3 }];
    const { token, id } = await bench.add({ quotas });
    expect((await bench.as(token)).status).toBe(200);
    await bench.proxy.app.database!.flush();
    flaky.fault = kind;
    expect((await bench.as(token)).status).toBe(200);
    const edit = await bench.api(`PATCH /api/users/${id}`, { name: "new" });
    expect([edit.status, edit.headers.get("retry-after")]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    expect(edit.error.message).toContain("Nothing was changed");
    expect(edit.error.message).toContain(kind);
    expect((await bench.api(`GET /api/users/${id}`)).body).toMatchObject({ name: "", quotas: [{ used: 2 }] });
    expect((await bench.as(token)).status).toBe(200);
    expect((await bench.as(token)).status).toBe(429);
    expect((await bench.as("wg-wrong")).status).toBe(401);
    await bench.proxy.app.database!.flush();
    const health = await bench.proxy.fetch("/health");
    expect(JSON.stringify(await health.json())).toContain(kind);
    flaky.fault = undefined;
    await bench.proxy.app.database!.flush();
    expect(await bench.proxy.app.database!.read("SELECT used FROM quota_use")).toEqual([{ used: 3 }]);
    expect((await bench.api(`PATCH /api/users/${id}`, { name: "new" })).status).toBe(200);
  },
);

it("away at the start: tokens are a 503 and not a 401, and are known as soon as it is back", async () => {
  const flaky = failing();
  const before = await people({ plugins: [flaky.plugin] });
  const { token } = await before.add();
  await before.proxy.close();
  flaky.fault = "away";
  await using bench = await people({ plugins: [flaky.plugin] });
  const refused = await bench.as(token);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  expect((await bench.ask()).status).toBe(401);
  flaky.fault = undefined;
  const again = async (): Promise<number> => {
    await bench.clock.advance(5000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return (await bench.as(token)).status;
  };
  await expect.poll(again, { timeout: 5000 }).toBe(200);
});

it("damaged while it runs: everybody and what they have used is written into the new file", async () => {
  const dataDir = folder();
  const path = join(dataDir, "waygate.db");
  const bench = await people({ dataDir, faults: /damaged/i });
  await bench.group({ id: "team", quotas: [{ unit: "requests", period: "total", amount: 9 }] });
  const { token, id } = await bench.add({
    name: "Mia",
    group: "team",
    quotas: [{ unit: "requests", period: "total", amount: 4 }],
  });
  await bench.as(token);
  await bench.proxy.app.database!.flush();
  // Somebody writes over the file.
  for (const suffix of ["-wal", "-shm"]) rmSync(path + suffix, { force: true });
  writeFileSync(path, Buffer.alloc(65_536, 7));
  await bench.as(token);
  for (let count = 0; count < 3; count++) await bench.proxy.app.database!.flush();
  await bench.proxy.close();
  await using again = await people({ dataDir });
  expect((await again.api<UserPage>("GET /api/users")).body.users).toMatchObject([{ id, name: "Mia", group: "team" }]);
  expect(await again.used(id)).toEqual([2]);
  expect(await again.used("team", "groups")).toEqual([2]);
  expect((await again.as(token)).status).toBe(200);
});

it("a command that only looks opens no database", async () => {
  const dataDir = folder();
  const proxy = createProxy(
    { plugins: [users()], dataDir, log: { level: "error" } },
    { database: false, discover: false },
  );
  await proxy.ready();
  await proxy.close();
  expect(readdirSync(dataDir)).toEqual([]);
});
