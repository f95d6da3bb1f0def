import { describe, expect, it } from "vitest";
import { definePlugin, type Plugin } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { limits } from "waygate/plugins/limits";
import { resilience } from "waygate/plugins/resilience";
import { status } from "waygate/testing";
import { lab, type LabOptions } from "./_lab.ts";

const auto: LabOptions = {
  providers: { first: ["a", "b"], second: ["x"] },
  models: { "auto-model": ["first/m", "second/n"] },
};

/** A limit of ours: these keys are full until that time. */
const full = (keys: { readonly [label: string]: number }): Plugin =>
  definePlugin({
    name: "full",
    hooks: {
      selectKey: {
        precedence: "drop",
        handler: (candidates, _ctx, selection) =>
          candidates.filter((candidate) => {
            const until = keys[candidate.credential.label ?? ""];
            if (until === undefined) return true;
            selection.drop(candidate, { reason: "60 per minute", kind: "rate_limited", until });
            return false;
          }),
      },
    },
  });

describe("auto-model, an alias like any other", () => {
  it.each([
    [["nobody"], "a"],
    [["a"], "b"],
    [["a", "b"], "x"],
  ])("A10 takes the first target with a key below its limits, with %j full", async (keys, expected) => {
    const now = Date.UTC(2026, 0, 1);
    const ours = full(Object.fromEntries(keys.map((key) => [key, now + 60_000])));
    await using bench = await lab({ ...auto, plugins: [ours, cooldown()] });
    const reply = await bench.ask("auto-model");
    expect(reply.status).toBe(200);
    expect(bench.asked()).toBe(expected);
    expect(reply.headers.get("x-waygate-model")).toBe(expected === "x" ? "n" : "m");
  });

  it("A10 is a 429 with the earliest reset when every key is at its limit, and asks nobody", async () => {
    const now = Date.UTC(2026, 0, 1);
    const ours = full({ a: now + 60_000, b: now + 42_000, x: now + 90_000 });
    await using bench = await lab({ ...auto, plugins: [ours, cooldown()] });
    const reply = await bench.ask("auto-model");
    expect([reply.status, reply.headers.get("retry-after"), reply.error.code]).toEqual([
      429,
      "42",
      "rate_limit_exceeded",
    ]);
    expect([bench.asked(), reply.took]).toEqual(["", 0]);
  });

  it("A10 counts limits of the upstreams the same", async () => {
    const limit = (seconds: number): ReturnType<typeof status> =>
      status(429, { error: { message: "Slow down" } }, { "retry-after": String(seconds) });
    await using bench = await lab({
      ...auto,
      plugins: resilience(),
      upstream: { a: limit(300), b: limit(120), x: limit(600) },
    });
    await bench.ask("auto-model");
    bench.asked();
    const reply = await bench.ask("auto-model");
    expect([reply.status, reply.headers.get("retry-after")]).toEqual([429, "120"]);
    expect(bench.asked()).toBe("");
  });

  it("A10 goes down its targets as limits() fills their keys, and is a 429 until the first minute is over", async () => {
    await using bench = await lab({ ...auto, plugins: [limits({ keys: { rpm: 1 } }), resilience()] });
    for (const _ of [1, 2, 3]) {
      expect((await bench.ask("auto-model")).status).toBe(200);
      await bench.clock.advance(5000);
    }
    expect(bench.asked().split(" ").toSorted()).toEqual(["a", "b", "x"]);
    const reply = await bench.ask("auto-model");
    expect([reply.status, reply.headers.get("retry-after"), reply.took]).toEqual([429, "45", 0]);
    await bench.clock.advance(45_000);
    expect((await bench.ask("auto-model")).status).toBe(200);
  });

  it("is listed with the models", async () => {
    await using bench = await lab(auto);
    const { data } = (await (await bench.proxy.fetch("/v1/models")).json()) as { data: { id: string }[] };
    expect(data.map(({ id }) => id)).toContain("auto-model");
  });
});
