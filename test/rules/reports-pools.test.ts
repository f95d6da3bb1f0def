/** Report 62: one model at several providers is one pool. */
import { describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { status } from "waygate/testing";
import { type Lab, lab } from "./_lab.ts";

const limited = status(429, { error: { message: "Slow down" } }, { "retry-after": "600" });

const two = (): Promise<Lab> =>
  lab({
    providers: { one: ["a", "b"], two: ["x"] },
    listed: { one: ["shared"], two: ["shared", "other-name"] },
    models: { pool: ["one/shared", "two/other-name"] },
    plugins: [cooldown()],
    upstream: { a: limited, b: limited },
  });
const asked = (to: Lab): string[] => to.calls.map(({ provider, key, model }) => `${provider} ${key} ${model}`);

describe("report 62", () => {
  it("report 62: an alias asks its targets in order, each by its own name for the model", async () => {
    await using to = await two();
    expect((await to.ask("pool")).status).toBe(200);
    expect(asked(to)).toEqual(["one a shared", "one b shared", "two x other-name"]);
    const second = await to.ask("pool");
    expect([second.status, second.headers.get("x-waygate-provider")]).toEqual([200, "two"]);
    expect(asked(to)).toHaveLength(4);
    expect(to.rests().toSorted()).toEqual(["a/shared cooling 600", "b/shared cooling 600"]);
  });

  it("report 62: a bare name that both list is answered by whoever can, and a provider's own name by that one only", async () => {
    await using to = await two();
    expect((await to.ask("shared")).status).toBe(200);
    expect(to.calls.at(-1)).toMatchObject({ provider: "two", model: "shared" });
    expect((await to.ask("one/shared")).status).toBe(429);
    expect(to.calls.filter(({ provider }) => provider === "two")).toHaveLength(1);
  });
});
