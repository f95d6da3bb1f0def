import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { AccountFields } from "waygate";
import { refreshTokens } from "waygate/plugins/oauth";
import { takeLock } from "../../../src/accounts/lock.ts";
import { fakeApp, fakeProvider } from "../../plugins/_fakes.ts";
import { folder, storeIn } from "../_kind.ts";
import { oauthServer } from "../_oauth-server.ts";
import { account, bench, down, memoryStore, minute, next, provider, revoked } from "./_holder.ts";
import { codeSpec } from "./_person.ts";

const place = (name: string): string => `.waygate/credentials/${provider}/${name}.json`;
const read = (root: string, name: string): AccountFields =>
  JSON.parse(readFileSync(join(root, place(name)), "utf8")) as AccountFields;

describe("rules G for accounts in use", () => {
  it("G1 many requests and the background renew a token once", async () => {
    const { app, holder, attempt, asked } = await bench({ store: memoryStore({ ann: account("ann", -1) }) });
    const waiting = Promise.all(Array.from({ length: 20 }, () => holder.fresh(attempt("ann"))));
    await app.clock.advance(0);
    const tokens = (await waiting).map((fields) => fields["access_token"]);
    expect([new Set(tokens), asked()]).toEqual([new Set(["at-ann-1"]), "ann"]);
  });

  it("G1 a token that another process has renewed is not renewed again, also when it was read while waiting for that process", async () => {
    const root = folder({ [place("ann")]: account("ann", -1) });
    const { holder, attempt, asked, token, until } = await bench({ store: storeIn(root), startCheck: false });
    const path = join(root, place("ann"));
    const lock = await takeLock(`${path}.lock`);
    const waiting = holder.fresh(attempt("ann"));
    writeFileSync(path, JSON.stringify(account("ann", 60, 1)));
    await until(() => token("ann") === "at-ann-1");
    await lock.release();
    expect(await waiting).toMatchObject({ access_token: "at-ann-1" });
    expect(asked()).toBe("");
  });

  it("G2 a new refresh token is on the disk before anybody uses what came with it, and unknown fields stay", async () => {
    await using server = await oauthServer({ refreshTokens: "rotate" });
    const tokens = server.issue();
    const root = folder({
      [place("ann")]: { ...tokens, expiry_date: 1, email: "ann@example.com", mine: [1, { two: 3 }] },
    });
    const { app, holder, attempt } = await bench({
      app: fakeApp({ providers: [fakeProvider(provider)], start: Date.now() }),
      store: storeIn(root),
      startCheck: false,
      refresh: (fields, context) => refreshTokens(codeSpec(server), fields, { ...context, fetch }),
    });
    const seen: unknown[] = [];
    const { add } = app.credentials;
    Object.assign(app.credentials, {
      add(credential: Parameters<typeof add>[0]) {
        const { fields } = credential.data as { readonly fields: AccountFields };
        seen.push([fields["refresh_token"], read(root, "ann")["refresh_token"]]);
        add(credential);
      },
    });
    const fields = await holder.fresh(attempt("ann"));
    expect(fields["refresh_token"]).not.toBe(tokens.refresh_token);
    expect(seen).toEqual([[fields["refresh_token"], fields["refresh_token"]]]);
    expect(read(root, "ann")).toEqual({ ...fields, mine: [1, { two: 3 }] });
    expect(readdirSync(join(root, ".waygate/credentials", provider))).toEqual(["ann.json"]);
  });

  it("G2 a new refresh token is not lost when it cannot be written, and is written as soon as it can", async () => {
    const store = memoryStore({ ann: account("ann", -1) });
    store.failing = Object.assign(new Error("EIO: the disk"), { code: "EIO" });
    const { app, holder, attempt, asked, token } = await bench({ store });
    await app.clock.advance(0);
    expect(token("ann")).toBe("at-ann-1");
    expect(holder.fresh(attempt("ann"))).toMatchObject({ access_token: "at-ann-1" });
    expect(store.files.get("ann")).toMatchObject({ refresh_token: "rt-ann-0" });
    expect(app.lines.filter((line) => line.includes("could not be saved"))).toHaveLength(1);
    store.failing = undefined;
    await app.clock.advance(10_000);
    expect(store.files.get("ann")).toMatchObject({ refresh_token: "rt-ann-1", access_token: "at-ann-1" });
    expect(asked()).toBe("ann");
  });

  it("G3 invalid_grant shows as an account that needs a login, until its file changes", async () => {
    let isRevoked = true;
    const store = memoryStore({ ann: account("ann", -1), bob: account("bob", 60) });
    const root = folder({ [place("ann")]: account("ann", -1), [place("bob")]: account("bob", 60) });
    const { app, rests, asked, token, until, holder, attempt } = await bench({
      store: storeIn(root),
      refresh: async (fields, context) => (isRevoked ? Promise.reject(revoked()) : next(fields, context.now())),
    });
    await until(() => rests().length > 0);
    expect(rests()).toEqual(["ann invalid needs_login: Fake: invalid_grant. Sign in again: proxy login fake_cli"]);
    await app.clock.advance(20 * minute);
    expect(asked()).toBe("ann");
    isRevoked = false;
    const fresh = { ...account("ann", 0, 5), expiry_date: app.clock.now() + 60 * minute };
    await storeIn(root).save(holder.accounts[0], fresh);
    await until(() => rests().length === 0);
    expect([token("ann"), asked()]).toEqual(["at-ann-5", ""]);
    expect(holder.fresh(attempt("ann"))).toMatchObject({ access_token: "at-ann-5" });
    expect(store.files.size).toBe(2);
  });

  it("G3 what may pass is tried again, and the account is not given up", async () => {
    let tries = 0;
    const { app, rests, token } = await bench({
      store: memoryStore({ ann: account("ann", 20) }),
      refresh: async (fields, context) => (++tries < 4 ? Promise.reject(down()) : next(fields, context.now())),
    });
    await app.clock.advance(2 * minute);
    expect([tries, rests(), token("ann")]).toEqual([3, [], "at-ann-0"]);
    await app.clock.advance(2 * minute);
    expect([tries, token("ann")]).toEqual([4, "at-ann-1"]);
  });

  it("G4 tokens are renewed while the account's quota is used up, and the quota stays used up (report 59)", async () => {
    const { app, credential, rests, asked } = await bench({ store: memoryStore({ ann: account("ann", 60) }) });
    const until = app.clock.now() + 24 * 60 * minute;
    const { id } = credential("ann")!;
    for (const model of [undefined, "m"]) {
      app.credentials.rest(
        { provider, credential: id, ...(model !== undefined && { model }) },
        { state: "exhausted", until, policy: "cooldown", reason: "429, tomorrow", kind: "quota_exhausted" },
      );
    }
    await app.clock.advance(3 * 60 * minute);
    expect(asked().split(" ").length).toBeGreaterThanOrEqual(3);
    expect(rests()).toEqual(["ann exhausted 429, tomorrow", "ann exhausted 429, tomorrow"]);
  });

  it("G4 tokens of an account that is banned are not renewed any more", async () => {
    const { app, credential, asked } = await bench({ store: memoryStore({ ann: account("ann", 60) }) });
    app.credentials.rest(
      { provider, credential: credential("ann")!.id },
      { state: "banned", until: Number.POSITIVE_INFINITY, policy: "cooldown", reason: "403, banned", kind: "dead" },
    );
    await app.clock.advance(3 * 60 * minute);
    expect(asked()).toBe("");
  });

  it("G5 two accounts that are renewed at once keep their own files", async () => {
    const root = folder({ [place("ann")]: account("ann", -1), [place("bob")]: account("bob", -1) });
    const { until, token } = await bench({ store: storeIn(root) });
    await until(() => token("ann") === "at-ann-1" && token("bob") === "at-bob-1");
    expect(read(root, "ann")).toMatchObject({ email: "ann@example.com", refresh_token: "rt-ann-1" });
    expect(read(root, "bob")).toMatchObject({ email: "bob@example.com", refresh_token: "rt-bob-1" });
  });
});
