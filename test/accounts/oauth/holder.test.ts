import { describe, expect, it, vi } from "vitest";
import { ProxyError } from "waygate";
import { fakeApp, fakeProvider } from "../../plugins/_fakes.ts";
import { virtualTransport } from "waygate/testing";
import { account, bench, down, memoryStore, minute, next, provider, revoked } from "./_holder.ts";

describe("accounts as credentials", () => {
  it("have a lasting id without a secret, the address as label, and what the plugin says of them", async () => {
    const store = memoryStore({ ann: account("ann", 60), bob: account("bob", 60) });
    const { app, credential } = await bench({
      store,
      priority: (fields) => (fields["email"] === "ann@example.com" ? 1 : 2),
      concurrency: 3,
      limits: { rpm: 60 },
    });
    expect(app.credentials.list(provider)).toHaveLength(2);
    const ann = credential("ann")!;
    expect({ ...ann }).toEqual({
      id: expect.stringMatching(/^fake_cli:[\da-f]{12}$/),
      provider,
      label: "ann@example.com",
      priority: 1,
      concurrency: 3,
      limits: { rpm: 60 },
    });
    expect(JSON.stringify(ann)).not.toContain("at-ann");
    expect(ann.data.fields["access_token"]).toBe("at-ann-0");
    const again = await bench({ store });
    expect(again.credential("ann")?.id).toBe(ann.id);
  });

  it("print what the user risks once at the start", async () => {
    const { app } = await bench({ store: memoryStore({}) });
    expect(app.lines.filter((line) => line.includes("It may stop any day."))).toHaveLength(1);
    expect(app.lines.at(-1)).toContain("proxy login fake_cli");
  });

  it("of one plugin may be part of two proxies", async () => {
    const store = memoryStore({ ann: account("ann", 60) });
    const one = await bench({ store });
    const app = fakeApp({ providers: [fakeProvider(provider)] });
    await one.holder.setup(app);
    one.holder.ready(app);
    await one.app.clock.advance(40 * minute);
    expect(one.token("ann")).toBe("at-ann-1");
    const [other] = app.credentials.list(provider);
    expect(other?.data).toEqual({ fields: account("ann", 60) });
    await one.holder.close(app);
  });
});

describe("the token of a request", () => {
  it("is there at once while it lasts for more than five minutes", async () => {
    const { holder, attempt } = await bench({ store: memoryStore({ ann: account("ann", 6) }), startCheck: false });
    expect(holder.fresh(attempt("ann"))).toEqual(account("ann", 6));
  });

  it("is renewed before when it lasts for less, once for all that wait", async () => {
    const { app, holder, attempt, asked, token } = await bench({
      store: memoryStore({ ann: account("ann", 4) }),
      startCheck: false,
    });
    const fields = await Promise.all([1, 2, 3].map(() => holder.fresh(attempt("ann"))));
    expect(fields.map((each) => each["access_token"])).toEqual(["at-ann-1", "at-ann-1", "at-ann-1"]);
    expect([asked(), token("ann")]).toEqual(["ann", "at-ann-1"]);
    expect(app.credentials.list(provider)).toHaveLength(1);
  });

  it("is the old one as long as that lasts when there is no new one, and the server is left in peace", async () => {
    const { app, holder, attempt, asked } = await bench({
      store: memoryStore({ ann: account("ann", 4) }),
      startCheck: false,
      refresh: () => Promise.reject(down()),
    });
    expect(await holder.fresh(attempt("ann"))).toEqual(account("ann", 4));
    expect(holder.fresh(attempt("ann"))).toEqual(account("ann", 4));
    expect(asked()).toBe("ann");
    await app.clock.advance(30_000);
    expect(asked()).toBe("ann");
  });

  it("is none when it has ended and cannot be renewed: the account rests until the next try, which ends it", async () => {
    let isDown = true;
    const { app, holder, attempt, asked, rests, token } = await bench({
      store: memoryStore({ ann: account("ann", -1) }),
      startCheck: false,
      refresh: async (fields, context) => (isDown ? Promise.reject(down()) : next(fields, context.now())),
    });
    await expect(holder.fresh(attempt("ann"))).rejects.toMatchObject({ kind: "overloaded" });
    expect(rests()).toEqual(["ann cooling its token has ended and was not renewed (overloaded), 30 s"]);
    expect(() => holder.fresh(attempt("ann"))).toThrow("503");
    isDown = false;
    expect(asked()).toBe("ann");
    await app.clock.advance(30_000);
    expect([asked(), rests(), token("ann")]).toEqual(["ann", [], "at-ann-1"]);
  });

  it("is waited for as short as other accounts would take, and the refresh goes on", async () => {
    const arrives = Promise.withResolvers<void>();
    const { app, holder, attempt, token } = await bench({
      store: memoryStore({ ann: account("ann", -1), bob: account("bob", 60) }),
      startCheck: false,
      refresh: async (fields, context) => {
        await arrives.promise;
        return next(fields, context.now());
      },
    });
    const waiting = Promise.resolve(holder.fresh(attempt("ann"))).catch((error: unknown) => error);
    await app.clock.advance(3000);
    expect(await waiting).toMatchObject({ kind: "timeout", scope: "credential" });
    arrives.resolve();
    await app.clock.advance(0);
    expect(token("ann")).toBe("at-ann-1");
  });

  it("is not waited for by a client that has left", async () => {
    const arrives = Promise.withResolvers<void>();
    const { holder, attempt, token } = await bench({
      store: memoryStore({ ann: account("ann", -1) }),
      startCheck: false,
      refresh: async (fields, context) => {
        await arrives.promise;
        return next(fields, context.now());
      },
    });
    const leave = new AbortController();
    const waiting = holder.fresh(attempt("ann", { signal: leave.signal }));
    leave.abort(new ProxyError({ kind: "aborted", message: "gone" }));
    await expect(waiting).rejects.toMatchObject({ kind: "aborted" });
    arrives.resolve();
    await vi.waitFor(() => expect(token("ann")).toBe("at-ann-1"));
  });
});

it("a lasting token is there for what is no request too", async () => {
  const { holder, credential, asked } = await bench({
    store: memoryStore({ ann: account("ann", -1) }),
    startCheck: false,
  });
  const { signal } = new AbortController();
  expect(await holder.current(credential("ann")!, signal)).toMatchObject({ access_token: "at-ann-1" });
  expect(holder.current(credential("ann")!, signal)).toMatchObject({ access_token: "at-ann-1" });
  expect(asked()).toBe("ann");
});

describe("a token that the upstream refuses", () => {
  it("is renewed once for all that met the refusal, and is the newer one for whoever comes late", async () => {
    const { holder, credential, asked } = await bench({ store: memoryStore({ ann: account("ann", 60) }) });
    const { signal } = new AbortController();
    const refused = credential("ann")!;
    const [one, other] = await Promise.all([holder.refresh(refused, signal), holder.refresh(refused, signal)]);
    expect([one.fields["access_token"], other]).toEqual(["at-ann-1", one]);
    expect(asked()).toBe("ann");
    expect((await holder.refresh(refused, signal)).fields["access_token"]).toBe("at-ann-1");
    expect(asked()).toBe("");
  });

  it("takes what another process has put into the file", async () => {
    const store = memoryStore({ ann: account("ann", 60) });
    const { holder, credential, asked } = await bench({ store });
    store.files.set("ann", account("ann", 50, 7));
    const renewed = await holder.refresh(credential("ann")!, new AbortController().signal);
    expect([renewed.fields["access_token"], asked()]).toEqual(["at-ann-7", ""]);
  });
});

describe("tokens in the background", () => {
  it("are renewed half an hour ahead, not all at once, and no more than three at a time", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `a${index}`);
    const app = fakeApp({ providers: [fakeProvider(provider)] });
    app.dice.push(...names.map((_, index) => index / 8));
    let running = 0;
    let most = 0;
    const { asked } = await bench({
      app,
      store: memoryStore(Object.fromEntries(names.map((name) => [name, account(name, 60)]))),
      refresh: async (fields, context) => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => context.clock!.timer(resolve, 5000));
        running--;
        return next(fields, context.now());
      },
    });
    await app.clock.advance(29 * minute);
    expect(asked()).toBe("");
    await app.clock.advance(minute);
    const first = asked().split(" ");
    expect(first).toContain("a0");
    expect(first.length).toBeLessThan(5);
    await app.clock.advance(7 * minute);
    expect([...first, ...asked().split(" ")].toSorted()).toEqual(names);
    expect(most).toBeLessThanOrEqual(3);
  });

  it("are renewed three at a time when all have ended", async () => {
    const names = Array.from({ length: 7 }, (_, index) => `a${index}`);
    let running = 0;
    let most = 0;
    const { app, asked } = await bench({
      store: memoryStore(Object.fromEntries(names.map((name) => [name, account(name, -1)]))),
      refresh: async (fields, context) => {
        most = Math.max(most, ++running);
        await new Promise<void>((resolve) => context.clock!.timer(resolve, 1000));
        running--;
        return next(fields, context.now());
      },
    });
    await app.clock.advance(10_000);
    expect(asked().split(" ").toSorted()).toEqual(names);
    expect(most).toBe(3);
  });

  it("that last for minutes only are renewed when half of that is over, not all the time", async () => {
    const { app, asked } = await bench({
      store: memoryStore({ ann: account("ann", -1) }),
      refresh: async (fields, context) => next(fields, context.now(), 4),
    });
    await app.clock.advance(minute);
    expect(asked()).toBe("ann");
    await app.clock.advance(4 * minute);
    expect(asked().split(" ").length).toBeLessThanOrEqual(2);
  });

  it("are renewed at the start unless that is switched off, then in the first round", async () => {
    const store = memoryStore({ ann: account("ann", -1) });
    const { app, asked } = await bench({ store, startCheck: false, refreshInterval: 120 });
    await app.clock.advance(119_000);
    expect(asked()).toBe("");
    await app.clock.advance(1000);
    expect(asked()).toBe("ann");
  });

  it("are tried again after thirty seconds, then later and later up to five minutes, told once", async () => {
    const { app, asked } = await bench({
      store: memoryStore({ ann: account("ann", 20) }),
      refresh: () => Promise.reject(down()),
    });
    const tries: number[] = [];
    for (let seconds = 0; seconds <= 1600; seconds += 10) {
      if (asked() !== "") tries.push(seconds);
      await app.clock.advance(10_000);
    }
    expect(tries).toEqual([10, 30, 90, 210, 450, 750, 1050, 1350]);
    expect(app.lines.filter((line) => line.includes("503"))).toHaveLength(1);
  });

  it("wait for the time that the server names", async () => {
    const { app, asked } = await bench({
      store: memoryStore({ ann: account("ann", 20) }),
      refresh: (_, context) =>
        Promise.reject(new ProxyError({ kind: "rate_limited", message: "429", retryAt: context.now() + 90_000 })),
    });
    await app.clock.advance(89_000);
    expect(asked()).toBe("ann");
    await app.clock.advance(1000);
    expect(asked()).toBe("ann");
  });

  it("are not renewed any more once the proxy is closed; what has begun is waited for and kept", async () => {
    const arrives = Promise.withResolvers<void>();
    const store = memoryStore({ ann: account("ann", -1), bob: account("bob", 60) });
    const { app, holder, asked } = await bench({
      store,
      refresh: async (fields, context) => {
        await arrives.promise;
        return next(fields, context.now());
      },
    });
    await app.clock.advance(0);
    const closing = holder.close(app);
    arrives.resolve();
    await closing;
    expect(store.files.get("ann")).toMatchObject({ refresh_token: "rt-ann-1" });
    expect(asked()).toBe("ann");
    await app.clock.advance(3 * 60 * minute);
    expect([asked(), app.clock.pending]).toEqual(["", 0]);
  });
});

describe("what concerns accounts", () => {
  it("AIClient2API #216: goes through the transport and the outbound proxy of the calls to upstreams", async () => {
    const app = fakeApp({ providers: [fakeProvider(provider)] });
    const wires: object[] = [];
    const transport = virtualTransport(
      (wire) => {
        wires.push({ url: wire.url, proxy: wire.proxy, text: wire.body?.text });
        return Response.json({ ok: true });
      },
      { clock: app.clock },
    );
    Object.assign(app.runtime, { transport });
    const { holder } = await bench({
      app,
      store: memoryStore({ ann: account("ann", -1) }),
      proxy: "http://outbound.example:3128",
      refresh: async (fields, context) => {
        await context.fetch("https://tokens.example/token", { method: "POST", body: new URLSearchParams({ a: "1" }) });
        return next(fields, context.now());
      },
    });
    await app.clock.advance(0);
    await holder.context(app, new AbortController().signal).fetch("https://tokens.example/userinfo");
    expect(wires).toEqual([
      { url: "https://tokens.example/token", proxy: "http://outbound.example:3128", text: "a=1" },
      { url: "https://tokens.example/userinfo", proxy: "http://outbound.example:3128", text: undefined },
    ]);
  });

  it("is kept when something is learnt of an account, without touching its tokens", async () => {
    const store = memoryStore({ ann: account("ann", 60) });
    const { app, holder, credential, asked } = await bench({ store });
    await holder.save(app, credential("ann")!, (fields) => ({ ...fields, project: "p-1" }));
    expect(store.files.get("ann")).toEqual({ ...account("ann", 60), project: "p-1" });
    expect(credential("ann")?.data.fields).toEqual({ ...account("ann", 60), project: "p-1" });
    expect(asked()).toBe("");

    store.failing = new Error("the disk is gone");
    await holder.save(app, credential("ann")!, (fields) => ({ ...fields, project: "p-2" }));
    expect(credential("ann")?.data.fields["project"]).toBe("p-2");
    expect(app.lines.at(-1)).toContain("in memory only");
  });

  it("ends with a restart when it was invalid: somebody may have signed in meanwhile", async () => {
    const store = memoryStore({ ann: account("ann", 60) });
    const first = await bench({ store, started: false });
    const { app, holder, credential, rests, asked } = first;
    app.credentials.rest(
      { provider, credential: credential("ann")!.id },
      { state: "invalid", until: Number.POSITIVE_INFINITY, policy: "cooldown", reason: "401, invalid", kind: "dead" },
    );
    holder.ready(app);
    await app.clock.advance(0);
    expect([rests(), asked()]).toEqual([[], "ann"]);
  });

  it("says needs_login of an account that can only be signed in to, once", async () => {
    const { app, holder, attempt, credential, rests, asked } = await bench({
      store: memoryStore({ ann: account("ann", -1) }),
      refresh: () => Promise.reject(revoked()),
    });
    await app.clock.advance(2 * 60 * minute);
    expect(asked()).toBe("ann");
    expect(rests()).toEqual(["ann invalid needs_login: Fake: invalid_grant. Sign in again: proxy login fake_cli"]);
    expect(() => holder.fresh(attempt("ann"))).toThrow("invalid_grant");
    await expect(holder.refresh(credential("ann")!, new AbortController().signal)).rejects.toThrow("invalid_grant");
    expect(asked()).toBe("");
    expect(app.lines.filter((line) => line.includes("invalid_grant"))).toHaveLength(1);
  });
});
