import { describe, expect, it } from "vitest";
import { defineCredential, definePlugin, type Plugin, type Provider } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { answer, status, type ScriptRequest, type Step } from "waygate/testing";
import { lab, type Lab } from "./_lab.ts";

const refused = status(401, { error: { message: "Token expired" } });
const settled = Promise.withResolvers<void>();
settled.resolve();

interface Accounts {
  readonly plugin: Plugin;
  /** Tokens asked for, in order. */
  readonly asked: string[];
}

/** A provider whose accounts have tokens: `one.0`, and after a refresh `one.1`. */
function accounts(names: readonly string[], until: () => Promise<void> = () => settled.promise): Accounts {
  const asked: string[] = [];
  const club: Provider = {
    name: "club",
    protocol: "openai-chat",
    models: ["m"],
    prepare: (wire, { credential }) => ({
      ...wire,
      url: `http://club.invalid/v1${wire.url}`,
      headers: { ...wire.headers, authorization: `Bearer ${(credential.data as { token: string }).token}` },
    }),
    refresh: async ({ data }) => {
      const [name, count] = (data as { token: string }).token.split(".");
      asked.push(name ?? "");
      await until();
      return { token: `${name}.${Number(count) + 1}` };
    },
  };
  const plugin = definePlugin({
    name: "accounts",
    providers: [club],
    setup(app) {
      for (const name of names) {
        app.credentials.add(
          defineCredential({ id: `club:${name}`, provider: "club", label: name }, { token: `${name}.0` }),
        );
      }
    },
  });
  return { plugin, asked };
}

/** Takes tokens of that generation only. */
const takes =
  (generation: string): Step =>
  ({ key = "" }: ScriptRequest) =>
    key.endsWith(`.${generation}`) ? answer() : refused;

const open = (plugin: Plugin, upstream: Step, more: object = {}): Promise<Lab> =>
  lab({ providers: {}, plugins: [plugin, cooldown()], upstream, ...more });

describe("A8 an account whose token is refused", () => {
  it("A8 is renewed once, and the request that met the refusal is answered with the new token", async () => {
    const club = accounts(["one"]);
    await using bench = await open(club.plugin, takes("1"));
    expect((await bench.ask("club/m")).status).toBe(200);
    expect(bench.asked()).toBe("one.0 one.1");
    expect(club.asked).toEqual(["one"]);
    expect(bench.rests()).toEqual([]);
  });

  it("A8 is renewed once for many requests at a time, and all of them are answered", async () => {
    const club = accounts(["one"]);
    await using bench = await open(club.plugin, takes("1"));
    const replies = await Promise.all(Array.from({ length: 10 }, () => bench.proxy.chat({ model: "club/m" })));
    expect(replies.map(({ status: code }) => code)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(club.asked).toEqual(["one"]);
  });

  it("A8 is invalid when the new token is refused as well, and is not renewed again for it", async () => {
    const club = accounts(["one"]);
    await using bench = await open(club.plugin, takes("never"));
    expect((await bench.ask("club/m")).status).toBe(503);
    expect(bench.asked()).toBe("one.0 one.1");
    expect(club.asked).toEqual(["one"]);
    expect(bench.rests()).toEqual(["one invalid Infinity"]);
  });

  it("A8 is renewed once per request also where refusals never end in a state for good", async () => {
    const club = accounts(["one"]);
    const mild = cooldown({
      effects: {
        credential_invalid: {
          streak: "refused",
          state: "cooling",
          drop: "dead",
          scope: "credential",
          steps: [1000],
          refresh: true,
        },
      },
    });
    await using bench = await lab({ providers: {}, plugins: [club.plugin, mild], upstream: takes("never") });
    await bench.ask("club/m");
    expect(bench.asked()).toBe("one.0 one.1");
  });

  it("A8 is waited for until the deadline when it is alone, and no longer", async () => {
    const club = accounts(["one"], () => new Promise(() => {}));
    await using bench = await open(club.plugin, takes("1"), { retry: { deadline: 20_000 } });
    const reply = await bench.ask("club/m");
    expect([reply.status, Math.round(reply.took / 1000)]).toEqual([504, 20]);
    expect(bench.asked()).toBe("one.0");
  });

  it("A8 is waited for as long as a short wait lasts when there are others", async () => {
    const club = accounts(["one", "two"], () => new Promise(() => {}));
    await using bench = await open(club.plugin, ({ key }) => (key === "two.0" ? answer() : refused));
    const reply = await bench.ask("club/m");
    expect([reply.status, Math.round(reply.took / 1000)]).toEqual([200, 3]);
    expect(bench.asked()).toBe("one.0 two.0");
    expect(bench.rests()).toEqual([expect.stringMatching(/^one cooling 29\d$/)]);
  });

  it("A15 is not waited for by a client that has left", async () => {
    const club = accounts(["one"], () => new Promise(() => {}));
    await using bench = await open(club.plugin, takes("1"));
    const leave = new AbortController();
    const pending = bench.proxy.chat({ model: "club/m" }, { signal: leave.signal });
    await bench.clock.advance(10);
    leave.abort();
    await bench.clock.advance(0);
    expect((await bench.proxy.recorded(1)).outcome.end).toBe("client-aborted");
    await pending.catch(() => {});
    expect(bench.asked()).toBe("one.0");
  });

  it("A8 that cannot be renewed lets the request go on with the next, and rests", async () => {
    const club = accounts(["one", "two"], () => Promise.reject(new Error("the login has ended")));
    await using bench = await open(club.plugin, ({ key }) => (key === "two.0" ? answer() : refused));
    expect((await bench.ask("club/m")).status).toBe(200);
    expect(bench.asked()).toBe("one.0 two.0");
    expect(bench.rests()).toEqual(["one cooling 300"]);
  });
});
