import { describe, expect, it } from "vitest";
import { definePlugin, type PluginInput, type Provider, ProxyError } from "waygate";
import { type Account, accountHolder } from "waygate/plugins/oauth";
import { cooldown } from "waygate/plugins/cooldown";
import { answer, type ScriptRequest, status, type Step } from "waygate/testing";
import { lab, type Lab } from "../../rules/_lab.ts";
import { fakeKind } from "../_kind.ts";
import { account, memoryStore, type MemoryStore, next, provider, type Refresh, revoked } from "./_holder.ts";

const refused = status(401, { error: { message: "Request had invalid authentication credentials." } });
/** Takes tokens of that generation only. */
const takes =
  (generation: number): Step =>
  ({ key = "" }: ScriptRequest) =>
    key.endsWith(`-${generation}`) ? answer() : refused;

interface ClubInit {
  readonly store: MemoryStore;
  readonly upstream: Step;
  readonly refresh?: Refresh;
  readonly more?: object;
}

/** A provider of accounts in a whole proxy, with `cooldown()`. */
async function club({ store, upstream, refresh, more }: ClubInit): Promise<Lab & { readonly refreshed: string[] }> {
  const refreshed: string[] = [];
  const kind = fakeKind(provider, {
    async refresh(fields, context) {
      refreshed.push(String(fields["access_token"]));
      return refresh ? refresh(fields, context) : next(fields, context.now());
    },
  });
  const holder = accountHolder(kind, { store, startCheck: false });
  const { accounts, setup, ready, close } = holder;
  const own: Provider<string, string, Account> = {
    name: provider,
    protocol: "openai-chat",
    models: ["m"],
    async prepare(wire, attempt) {
      const fields = await holder.fresh(attempt);
      const authorization = `Bearer ${String(fields["access_token"])}`;
      return { ...wire, url: `http://club.invalid/v1${wire.url}`, headers: { ...wire.headers, authorization } };
    },
    refresh: holder.refresh,
  };
  const plugin: PluginInput = definePlugin({
    name: provider,
    accounts,
    providers: [own as Provider],
    setup,
    ready,
    close,
  });
  const bench = await lab({ providers: {}, plugins: [plugin, cooldown()], upstream, ...more });
  return Object.assign(bench, { refreshed });
}

/** The clock of a lab starts at midnight, the accounts' at noon. */
const lasting = (name: string): ReturnType<typeof account> => account(name, 600);

describe("a request with an account", () => {
  it("A8 whose token is refused waits for a new one and is answered with it, also when there is no other account", async () => {
    const store = memoryStore({ ann: lasting("ann") });
    await using bench = await club({ store, upstream: takes(1) });
    expect((await bench.ask(`${provider}/m`)).status).toBe(200);
    expect(bench.asked()).toBe("at-ann-0 at-ann-1");
    expect(bench.refreshed).toEqual(["at-ann-0"]);
    expect(bench.rests()).toEqual([]);
    expect(store.files.get("ann")).toMatchObject({ refresh_token: "rt-ann-1" });
  });

  it("A8 whose new token is refused as well ends in an account that is invalid", async () => {
    await using bench = await club({ store: memoryStore({ ann: lasting("ann") }), upstream: takes(9) });
    expect((await bench.ask(`${provider}/m`)).status).toBe(503);
    expect(bench.asked()).toBe("at-ann-0 at-ann-1");
    expect(bench.rests()).toEqual(["ann@example.com invalid Infinity"]);
  });

  it("G3 goes on with the next account when only a login helps, and the reason names the command", async () => {
    const store = memoryStore({ ann: lasting("ann"), bob: lasting("bob") });
    const upstream: Step = ({ key = "" }) => (key === "at-bob-0" ? answer() : refused);
    await using bench = await club({ store, upstream, refresh: () => Promise.reject(revoked()) });
    expect((await bench.ask(`${provider}/m`)).status).toBe(200);
    expect((await bench.ask(`${provider}/m`)).status).toBe(200);
    const [rest] = bench.pool.rests();
    expect(rest?.rest).toMatchObject({
      state: "invalid",
      reason: expect.stringMatching(/^needs_login: .*proxy login fake_cli/),
    });
    expect(bench.refreshed).toHaveLength(1);
  });

  it("G3 keeps the reason when more requests fail with the account, and asks for no token again", async () => {
    const store = memoryStore({ ann: lasting("ann") });
    await using bench = await club({ store, upstream: takes(9), refresh: () => Promise.reject(revoked()) });
    await Promise.all(Array.from({ length: 5 }, () => bench.proxy.chat({ model: `${provider}/m` })));
    const [found] = bench.pool.rests();
    bench.pool.rest(found!.target, { ...found!.rest, policy: "cooldown", reason: "401, invalid" });
    expect(bench.pool.rests()[0]?.rest.reason).toMatch(/^needs_login/);
    expect(bench.refreshed).toHaveLength(1);
  });

  it("is answered with the token it has when there is no new one yet", async () => {
    const store = memoryStore({ ann: { ...lasting("ann"), expiry_date: Date.UTC(2026, 0, 1, 0, 4) } });
    const down = (): Promise<never> =>
      Promise.reject(new ProxyError({ kind: "overloaded", scope: "credential", message: "status 503" }));
    await using bench = await club({ store, upstream: takes(0), refresh: down });
    expect((await bench.ask(`${provider}/m`)).status).toBe(200);
    expect(bench.refreshed).toHaveLength(1);
  });

  it("CLIProxyAPI #5917: a quota that was used up meanwhile is not forgotten with a new token", async () => {
    const store = memoryStore({ ann: lasting("ann") });
    const arrives = Promise.withResolvers<void>();
    await using bench = await club({
      store,
      upstream: takes(1),
      refresh: async (fields, context) => {
        await arrives.promise;
        return next(fields, context.now());
      },
    });
    const pending = bench.proxy.chat({ model: `${provider}/m` });
    await bench.clock.advance(10);
    const [credential] = bench.pool.list(provider);
    bench.pool.rest(
      { provider, credential: credential!.id },
      {
        state: "exhausted",
        until: bench.clock.now() + 3_600_000,
        policy: "other",
        reason: "429",
        kind: "quota_exhausted",
      },
    );
    arrives.resolve();
    expect((await bench.finish(pending)).status).toBe(503);
    expect(bench.asked()).toBe("at-ann-0");
    expect(bench.rests()).toEqual([expect.stringMatching(/^ann@example.com exhausted (3600|35\d\d)$/)]);
  });
});
