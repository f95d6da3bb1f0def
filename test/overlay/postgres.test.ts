import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { echo } from "waygate/plugins/echo";
import { postgres } from "waygate/plugins/postgres";
import { promptFilter } from "waygate/plugins/prompt-filter";
import { createTestProxy, type TestProxy } from "waygate/testing";
import { internalsOf } from "../../src/proxy.ts";
import { hasPostgres, type PostgresServer, startPostgres } from "../database/_postgres.ts";

const name = "prompt-filter";

describe.skipIf(!hasPostgres)("settings on PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => void (server = await startPostgres()), 30_000);
  afterAll(() => server?.stop());

  const start = (): Promise<TestProxy> =>
    createTestProxy({ plugins: [postgres({ url: server.url }), promptFilter({ delay: false }), echo()] });
  const says = async (proxy: TestProxy, content: string): Promise<number> =>
    (await proxy.chat({ model: "echo/echo", messages: [{ role: "user", content }] })).status;
  const edit = ({ proxy }: TestProxy, phrases: string[], version: number): Promise<unknown> =>
    internalsOf(proxy)
      .overlay.edit({ name, value: { phrases }, version, actor: "mia" })
      .catch((error: unknown) => error);

  it("are shared by two machines, which find out about each other's edits", { timeout: 30_000 }, async () => {
    await using one = await start();
    await using other = await start();
    expect(await edit(one, ["it's 100 % \\ ?"], 0)).toMatchObject({ version: 1, changed_by: "mia" });
    expect(await edit(other, ["b"], 0)).toMatchObject({ status: 409, code: "edit_conflict" });
    expect(await says(other, "IT'S 100 % \\ ?!")).toBe(400);
    expect(await edit(other, ["b"], 1)).toMatchObject({ version: 2 });
    await expect.poll(() => says(one, "b"), { timeout: 10_000 }).toBe(400);
    const rows = await one.app.database!.read("SELECT actor, action, subject FROM audit ORDER BY id");
    expect(rows).toEqual([1, 2].map(() => ({ actor: "mia", action: "setting.change", subject: name })));
  });

  it("stay in force while the server is away, and can be edited when it is back", { timeout: 60_000 }, async () => {
    await using proxy = await start();
    const { version } = internalsOf(proxy.proxy).overlay.find(name);
    expect(await edit(proxy, ["away"], version)).toMatchObject({ version: version + 1 });
    await server.kill();
    expect(await edit(proxy, [], version + 1)).toMatchObject({ status: 503, code: "database_unavailable" });
    expect([await says(proxy, "away"), await says(proxy, "fine")]).toEqual([400, 200]);
    await server.start();
    await expect
      .poll(() => edit(proxy, [], version + 1), { timeout: 40_000, interval: 500 })
      .toMatchObject({ version: version + 2 });
    expect(await says(proxy, "away")).toBe(200);
  });
});
