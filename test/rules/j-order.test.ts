/** Rules J1 and J2, the order: list order, `pre` and `post`, `when`, the onion of `call`, slots. */
import { describe, expect, it } from "vitest";
import { defineSlot, type Plugin } from "waygate";
import { bench, hooked } from "./_pipeline.ts";

describe("J2 order of hooks", () => {
  it("J2 filters run in the order of the list, pre before all and post after all", async () => {
    const ran: string[] = [];
    const plugin = (name: string, order?: "pre" | "post"): Plugin =>
      hooked({ filter: { ...(order && { order }), handler: () => void ran.push(name) } }, name);
    const plugins = [plugin("late", "post"), plugin("a"), plugin("early", "pre"), plugin("b"), plugin("early2", "pre")];
    await using both = await bench(plugins);
    await (await both.proxy.chat({ model: "lab/m" })).text();
    expect(ran).toEqual(["early", "early2", "a", "b", "late"]);
  });

  it("J2 waits for an asynchronous hook before it runs the next", async () => {
    const ran: string[] = [];
    const slow = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      ran.push("slow");
    };
    const fast = (): void => void ran.push("fast");
    const plugins = [hooked({ filter: slow, transform: slow }, "s"), hooked({ filter: fast, transform: fast }, "f")];
    await using both = await bench(plugins);
    await (await both.proxy.chat({ model: "lab/m" })).text();
    expect(ran).toEqual(["slow", "fast", "slow", "fast"]);
  });

  it("J2 call is an onion: the first of the list is outermost", async () => {
    const ran: string[] = [];
    const layer = (name: string): Plugin =>
      hooked(
        {
          async call(_, next) {
            ran.push(`${name} in`);
            const response = await next();
            ran.push(`${name} out`);
            return response;
          },
        },
        name,
      );
    await using both = await bench([layer("outer"), layer("middle"), layer("inner")]);
    await (await both.proxy.chat({ model: "lab/m" })).text();
    expect(ran).toEqual(["outer in", "middle in", "inner in", "inner out", "middle out", "outer out"]);
  });

  it("J2 next() called twice is a fault of its plugin, and the upstream is asked once", async () => {
    const twice = hooked({ call: async (_, next) => (await next(), next()) }, "twice");
    await using both = await bench([twice], { faults: /twice/ });
    const response = await both.proxy.chat({ model: "lab/m" });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("twice");
    expect(both.proxy.logged.join("\n")).toMatch(/\[twice\] call: next\(\) was called twice/);
    expect(both.upstream.requests).toHaveLength(1);
  });

  it("J2 when declines for a request, and for events it keeps the byte path", async () => {
    const ran: string[] = [];
    const plugin = hooked({
      filter: { when: (ctx) => ctx.model === "lab/m", handler: (ctx) => void ran.push(`filter ${ctx.model}`) },
      call: {
        when: (ctx) => ctx.model === "lab/m",
        handler: (attempt, next) => (ran.push(`call ${attempt.model}`), next()),
      },
      event: { when: (ctx) => ctx.model === "lab/m", handler: (event) => event },
    });
    await using both = await bench([plugin]);
    for (const model of ["lab/m", "lab/other"]) await (await both.proxy.chat({ model, stream: true })).text();
    await both.proxy.recorded(2);
    expect(ran).toEqual(["filter lab/m", "call m"]);
    expect(both.proxy.records.map(({ outcome }) => outcome.path)).toEqual(["events", "bytes"]);
  });

  it("J2 a slot carries a value over the hooks of one request, and not to the next", async () => {
    const slot = defineSlot<number>("count");
    const twin = defineSlot<number>("count");
    const found: (number | undefined)[][] = [];
    const plugin = hooked({
      filter: (ctx) => {
        found.push([ctx.get(slot)]);
        ctx.set(slot, 1);
      },
      transform: ({ ctx }) => ctx.set(slot, (ctx.get(slot) ?? 0) + 1),
      record: (_, ctx) => void found.push([ctx.get(slot), ctx.get(twin)]),
    });
    await using both = await bench([plugin]);
    for (let count = 1; count <= 2; count++) {
      await (await both.proxy.chat({ model: "lab/m" })).text();
      await both.proxy.recorded(count);
    }
    // Two slots of one name are two slots.
    expect(found).toEqual([[undefined], [2, undefined], [undefined], [2, undefined]]);
  });
});
