import { describe, expect, it } from "vitest";
import {
  ConfigError,
  definePlugin,
  memoryState,
  type Plugin,
  type StateDriver,
  type StateStore,
  systemClock,
} from "waygate";
import { echo } from "waygate/plugins/echo";
import { redis } from "waygate/plugins/redis";
import { createTestProxy } from "waygate/testing";
import { runFile } from "../examples/_spawn.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { AnyConfig } from "../../src/config/types.ts";

interface Story {
  readonly plugin: Plugin;
  readonly store: StateStore;
  readonly happened: string[];
}

/** A plugin with a store, and what became of both. */
function story(name: string = "shared"): Story {
  const happened: string[] = [];
  const store: StateStore = { ...memoryState(systemClock()), close: () => void happened.push("store closed") };
  const state: StateDriver = {
    name,
    open({ clock, log }) {
      happened.push(`opened ${typeof clock.now} ${typeof log.warn}`);
      return Promise.resolve(store);
    },
  };
  const plugin = definePlugin({
    name,
    state,
    setup: (app) => void happened.push(app.state === store ? "set up with the store" : "set up without it"),
    close: () => void happened.push("plugin closed"),
  });
  return { plugin, store, happened };
}

function problemsOf(config: unknown): readonly { readonly what: string; readonly why: string; readonly fix: string }[] {
  try {
    resolveConfig(config as AnyConfig);
    return [];
  } catch (error) {
    if (ConfigError.is(error)) return error.problems;
    throw error;
  }
}

const whole = ["opened function function", "set up with the store", "plugin closed", "store closed"];

describe("state", () => {
  it("a plugin's store is opened before plugins are set up, is app.state, and is closed last", async () => {
    const { plugin, store, happened } = story();
    const proxy = await createTestProxy({ plugins: [echo(), plugin] });
    expect(proxy.app.state).toBe(store);
    await proxy.close();
    expect(happened).toEqual(whole);
  });

  it("the key takes a plugin, which need not be listed and is set up first", async () => {
    const { plugin, happened } = story();
    const order: string[] = [];
    const other = definePlugin({ name: "other", setup: () => void order.push(`other after ${happened.length}`) });
    const proxy = await createTestProxy({ plugins: [other], state: plugin });
    await proxy.close();
    expect(happened).toEqual(whole);
    expect(order).toEqual(["other after 2"]);
  });

  it("the key takes the plugin that is listed as well, once", async () => {
    const { plugin, happened } = story();
    const proxy = await createTestProxy({ plugins: [plugin], state: plugin });
    await proxy.close();
    expect(happened).toEqual(whole);
  });

  it("the key takes a driver alone", async () => {
    const { plugin, store } = story();
    const proxy = await createTestProxy({ plugins: [], state: plugin.state });
    expect(proxy.app.state).toBe(store);
    await proxy.close();
  });

  it("nothing is opened before the proxy is used", () => {
    const { plugin, happened } = story();
    expect(resolveConfig({ plugins: [plugin] }).config.state).toBe(plugin.state);
    expect(happened).toEqual([]);
  });

  it("a store that cannot be opened fails the start, and nothing is closed that was not open", async () => {
    const state: StateDriver = { name: "shared", open: () => Promise.reject(new Error("no such store")) };
    await expect(createTestProxy({ plugins: [], state })).rejects.toThrow("no such store");
  });

  it("two stores are a problem that names both", () => {
    const [one, two] = [story("one").plugin, story("two").plugin];
    for (const config of [
      { plugins: [one, [two]] },
      { plugins: [two], state: one },
      { plugins: [two], state: one.state },
    ]) {
      const [problem, ...more] = problemsOf(config);
      expect(problem?.what).toBe("2 plugins bring a store for the state");
      expect(problem?.why).toMatch(/one .*two /);
      expect(more).toEqual([]);
    }
  });

  it.each([
    ["redis://user:hunter2@host", /a text/],
    [redis, /Call it: write redis\(\)/],
    [{}, /without a name and open/],
    [echo(), /without a name and open/],
    [42, /It is 42/],
  ])("what brings no store is refused: %#", (state, text) => {
    const problems = problemsOf({ plugins: [], state });
    expect(problems).toHaveLength(1);
    expect(`${problems[0]?.why} ${problems[0]?.fix}`).toMatch(text);
    expect(JSON.stringify(problems)).not.toContain("hunter2");
  });

  it("a plugin whose state is none, and one given as state that is no good plugin, are refused", () => {
    const { plugin } = story();
    expect(problemsOf({ plugins: [{ name: "p", state: {} }] })[0]?.what).toMatch(/state of the plugin "p"/);
    expect(problemsOf({ plugins: [], state: { ...plugin, hooks: { recrod: () => undefined } } })).toMatchObject([
      { path: ["state", "hooks", "recrod"] },
    ]);
  });
});

describe("redis()", () => {
  it.each([
    [{ url: "" }, /no address is given/],
    [{ url: "host:6379 with:hunter2" }, /cannot be read|another protocol/],
    [{ url: "http://hunter2@host" }, /another protocol/],
    [{ url: "redis://:hunter2@host/name" }, /names no database/],
    [{ url: "redis://host", prefix: "a {b}" }, /wrong prefix/],
    [{ url: "redis://host", wait: 0 }, /wrong wait/],
  ])("H6 refuses what makes no sense and shows no password: %#", (options, text) => {
    const failed = (): unknown => redis(options);
    expect(failed).toThrow(text);
    expect(failed).not.toThrow(/hunter2/);
  });

  it("says what to install where the client library is missing", async () => {
    const running = runFile(new URL("../state/_without-client.ts", import.meta.url));
    expect(await running.exited).toBe(0);
    expect(running.output().stdout).toContain("npm install @redis/client");
  });
});
