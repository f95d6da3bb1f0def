/** The same users in PostgreSQL. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgres } from "waygate/plugins/postgres";
import type { UserPage } from "waygate/plugins/users";
import { answer } from "waygate/testing";
import { hasPostgres, type PostgresServer, startPostgres } from "../database/_postgres.ts";
import { people, type People, type PeopleOptions } from "./_people.ts";

describe.skipIf(!hasPostgres)("users in PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => void (server = await startPostgres()), 30_000);
  afterAll(() => server?.stop());

  const usage = { prompt_tokens: 60, completion_tokens: 40, total_tokens: 100 };
  const opened = (schema: string, more: PeopleOptions = {}): Promise<People> =>
    people({ ...more, plugins: [postgres({ url: server.url, schema })], upstream: answer({ usage }) });

  it(
    "are made, edited, counted, refreshed and removed, and the same after a restart",
    { timeout: 30_000 },
    async () => {
      const bench = await opened("life");
      await bench.group({ id: "team", quotas: [{ unit: "tokens", period: "total", amount: 1e6 }] });
      const quotas = [
        { unit: "requests", period: "total", amount: 3 },
        { unit: "cost", period: "monthly", amount: 0.5 },
      ];
      const { token, id } = await bench.add({
        name: "Зоя '; --",
        group: "team",
        quotas,
        limits: { rpm: 60 },
        max_ips: 2,
      });
      expect((await bench.as(token)).status).toBe(200);
      expect((await bench.as(token)).status).toBe(200);
      expect((await bench.api(`PATCH /api/users/${id}`, { note: "x", version: 1 })).body.version).toBe(2);
      expect((await bench.api(`PATCH /api/users/${id}`, { note: "y", version: 1 })).status).toBe(409);
      const before = (await bench.api(`GET /api/users/${id}`)).body;
      expect(before.quotas.map(({ used }) => used)).toEqual([2, 0]);
      expect(await bench.used("team", "groups")).toEqual([200]);
      await bench.proxy.close();

      const again = await opened("life");
      expect((await again.api(`GET /api/users/${id}`)).body).toEqual(before);
      expect([(await again.as(token)).status, (await again.as(token)).status]).toEqual([200, 429]);
      expect((await again.api(`POST /api/users/${id}/refresh`)).body).toEqual({ refreshed: 2 });
      expect(await again.used(id)).toEqual([0, 0]);
      expect((await again.as(token)).status).toBe(200);
      const { id: temporary } = await again.add({ kind: "temporary", expires_at: 1 });
      expect((await again.api("POST /api/users/purge")).body).toEqual({ purged: 1 });
      expect((await again.api(`GET /api/users/${temporary}`)).status).toBe(404);
      await again.api(`DELETE /api/users/${id}`);
      await again.api("DELETE /api/groups/team");
      expect((await again.api<UserPage>("GET /api/users")).body.total).toBe(0);
      const left = await again.proxy.app.database!.read(
        "SELECT owner FROM quota_use UNION ALL SELECT owner FROM quotas",
      );
      expect(left).toEqual([]);
      await again.proxy.close();
    },
  );

  it("are followed by another worker, and imported twice are there once", { timeout: 30_000 }, async () => {
    const [one, two] = [await opened("two"), await opened("two")];
    const { token } = await one.add();
    const looked = async (): Promise<number> => {
      await two.clock.advance(2000);
      await new Promise((resolve) => setTimeout(resolve, 25));
      return (await two.as(token)).status;
    };
    await expect.poll(looked, { timeout: 5000 }).toBe(200);
    const users = [{ token: "somebody-elses-token" }];
    expect((await one.api("POST /api/users/import", { users })).body).toMatchObject({ users: 1 });
    await one.api("POST /api/users/import", { users });
    expect((await one.api<UserPage>("GET /api/users")).body.total).toBe(2);
    const both = await Promise.all(
      [one, two].map(
        async (each) => (await each.api(`POST /api/users`, { id: "same", token: "the-same-token-twice" })).status,
      ),
    );
    expect(both.toSorted()).toEqual([201, 409]);
    await one.proxy.close();
    await two.proxy.close();
  });
});
