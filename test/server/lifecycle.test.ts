import { afterEach, describe, expect, it, vi } from "vitest";
import { createProxy, definePlugin, type Plugin, type Transport } from "waygate";
import { echo } from "waygate/plugins/echo";
import { openaiCompatible } from "waygate/plugins/openai-compatible";

const log = { level: "silent" } as const;

/** A plugin that notes its life; it fails where it is told to. */
function lively(name: string, ran: string[], failing?: "setup" | "ready" | "close"): Plugin {
  const step = (what: "setup" | "ready" | "close") => async (): Promise<void> => {
    ran.push(`${what} ${name}`);
    await new Promise((resolve) => setImmediate(resolve));
    if (failing === what) throw new Error(`${what} of ${name} failed`);
    ran.push(`${what} ${name} done`);
  };
  return definePlugin({ name, setup: step("setup"), ready: step("ready"), close: step("close") });
}

const starts = (ran: readonly string[], what: string): string[] =>
  ran.filter((each) => each.startsWith(what) && !each.endsWith("done")).map((each) => each.split(" ")[1]!);

const ask = (): Request =>
  new Request("http://waygate.localhost/v1/chat/completions", {
    method: "POST",
    body: JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "hi" }] }),
  });

afterEach(() => vi.restoreAllMocks());

describe("createProxy", () => {
  it("does no I/O and starts nothing", () => {
    const ran: string[] = [];
    const sent: string[] = [];
    const transport: Transport = {
      send: (wire) => (sent.push(wire.url), Promise.reject(new Error("no network here"))),
      close: () => Promise.resolve(),
    };
    const timer = vi.spyOn(globalThis, "setTimeout");
    const before = process.getActiveResourcesInfo().length;
    createProxy(
      {
        plugins: [
          echo(),
          openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:1", keys: ["k"] }),
          lively("a", ran),
        ],
        log,
      },
      { runtime: { transport } },
    );
    expect(ran).toEqual([]);
    expect(sent).toEqual([]);
    expect(timer).not.toHaveBeenCalled();
    expect(process.getActiveResourcesInfo()).toHaveLength(before);
  });

  it("starts once: ready is memoised and awaited by fetch", async () => {
    const ran: string[] = [];
    const proxy = createProxy({ plugins: [echo(), lively("a", ran)], log });
    const answers = await Promise.all([
      proxy.fetch(ask()),
      proxy.fetch(ask()),
      proxy.ready().then(() => proxy.fetch(ask())),
    ]);
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(await proxy.ready()).toBe(await proxy.ready());
    expect(starts(ran, "setup")).toEqual(["a"]);
    expect(starts(ran, "ready")).toEqual(["a"]);
    await proxy.close();
  });

  it("sets plugins up one by one in the order of the list, then readies all at once", async () => {
    const ran: string[] = [];
    const proxy = createProxy({ plugins: [lively("a", ran), lively("b", ran), echo()], log });
    await proxy.ready();
    expect(ran).toEqual([
      ...["setup a", "setup a done", "setup b", "setup b done"],
      ...["ready a", "ready b", "ready a done", "ready b done"],
    ]);
    await proxy.close();
  });

  it("closes all plugins in reverse order, whatever one of them throws", async () => {
    const ran: string[] = [];
    let closed = 0;
    const transport: Transport = { send: () => Promise.reject(new Error("unused")), close: async () => void closed++ };
    const plugins = [lively("a", ran, "close"), lively("b", ran), lively("c", ran, "close"), echo()];
    const proxy = createProxy({ plugins, log }, { runtime: { transport } });
    await proxy.ready();
    const error = await proxy.close().then(
      () => expect.fail("it closed"),
      (thrown: unknown) => thrown as AggregateError,
    );
    expect(starts(ran, "close")).toEqual(["c", "b", "a"]);
    expect(error.errors.map(String)).toEqual(["Error: close of c failed", "Error: close of a failed"]);
    expect(closed).toBe(1);
  });

  it("closes only once", async () => {
    const ran: string[] = [];
    const proxy = createProxy({ plugins: [lively("a", ran), echo()], log });
    await proxy.ready();
    await proxy.close();
    await proxy.close();
    expect(starts(ran, "close")).toEqual(["a"]);
  });

  it("closes what was set up when a later setup fails, and rejects with the cause", async () => {
    const ran: string[] = [];
    const proxy = createProxy({
      plugins: [lively("a", ran), lively("b", ran, "setup"), lively("c", ran), echo()],
      log,
    });
    await expect(proxy.ready()).rejects.toThrow("setup of b failed");
    expect(starts(ran, "setup")).toEqual(["a", "b"]);
    expect(starts(ran, "ready")).toEqual([]);
    expect(starts(ran, "close")).toEqual(["b", "a"]);
    await expect(proxy.fetch(ask())).rejects.toThrow("setup of b failed");
    expect(starts(ran, "setup")).toEqual(["a", "b"]);
  });

  it("closes all when one cannot be readied", async () => {
    const ran: string[] = [];
    const proxy = createProxy({ plugins: [lively("a", ran), lively("b", ran, "ready"), echo()], log });
    await expect(proxy.ready()).rejects.toThrow("ready of b failed");
    expect(starts(ran, "close")).toEqual(["b", "a"]);
  });

  it("answers 503 in the client's protocol after close", async () => {
    const proxy = createProxy({ plugins: [echo()], log });
    await proxy.ready();
    await proxy.close();
    const answer = await proxy.fetch(ask());
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await answer.json()).toMatchObject({ error: { code: "shutting_down" } });
  });
});
