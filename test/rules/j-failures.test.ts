/** Rule J4: an observer that fails breaks nothing; a policy that fails breaks its request, and the log says whose it was. */
import { describe, expect, it } from "vitest";
import { type Attempt, definePlugin, defineProvider, type Plugin, type PluginHooks, ProxyError } from "waygate";
import { allEvents, answer, status, textOfEvents } from "waygate/testing";
import { bench, hooked } from "./_pipeline.ts";

const secret = "inside knowledge of the plugin";
const fails = (): never => {
  throw new Error(secret);
};
const failsLater = (): Promise<never> => Promise.reject(new TypeError(secret));

interface OpenAIError {
  readonly error: { readonly message: string; readonly type: string; readonly code: string };
}

describe("J4 observers", () => {
  it.each([true, false])("J4 a record hook that fails is logged, and all others run (stream: %s)", async (stream) => {
    const ran: string[] = [];
    await using both = await bench(
      [
        hooked({ record: fails }, "meter"),
        hooked({ record: failsLater }, "ledger"),
        hooked({ record: () => void ran.push("x") }),
      ],
      { faults: /meter|ledger/ },
    );
    const response = await both.proxy.chat({ model: "lab/m", stream });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("ok");
    await both.proxy.recorded(1);
    await expect.poll(() => both.proxy.logged.filter((line) => line.includes("record hook failed"))).toHaveLength(2);
    expect(ran).toEqual(["x"]);
    const text = both.proxy.logged.join("\n");
    expect(text).toContain(`[meter] record: ${secret}`);
    expect(text).toContain(`[ledger] record: ${secret}`);
  });

  it("J4 a record hook's when that fails is logged and named too", async () => {
    await using both = await bench([hooked({ record: { when: fails, handler: () => undefined } }, "meter")], {
      faults: /meter/,
    });
    expect((await both.proxy.chat({ model: "lab/m" })).status).toBe(200);
    await expect.poll(() => both.proxy.logged.join("\n")).toContain(`[meter] record: ${secret}`);
  });

  it("J4 a fail hook that fails is logged, and the default verdict applies", async () => {
    await using both = await bench([hooked({ fail: failsLater }, "judge")], { faults: /judge/ });
    both.upstream.reply(status(500, {}), answer({ text: "second" }));
    expect(await (await both.proxy.chat({ model: "lab/m" })).text()).toContain("second");
    expect(both.proxy.logged.join("\n")).toContain(`[judge] fail: ${secret}`);
  });

  it("J4 a clean-up of an attempt that fails is logged, and the others run", async () => {
    const ran: string[] = [];
    const transform = (attempt: Attempt): void => {
      attempt.defer(() => void ran.push("first"));
      attempt.defer(fails);
      attempt.defer(() => void ran.push("last"));
    };
    await using both = await bench([hooked({ transform })], { faults: /clean-up/ });
    expect((await both.proxy.chat({ model: "lab/m" })).status).toBe(200);
    await both.proxy.recorded(1);
    expect(ran).toEqual(["last", "first"]);
    expect(both.proxy.logged.join("\n")).toContain(secret);
  });
});

describe("J4 policies", () => {
  const policies: readonly [string, PluginHooks][] = [
    ["auth", { auth: fails }],
    ["filter", { filter: failsLater }],
    ["filter", { filter: { when: fails, handler: () => undefined } }],
    ["selectKey", { selectKey: fails }],
    ["transform", { transform: failsLater }],
    ["call", { call: fails }],
    ["call", { call: (_, next) => next().then(fails) }],
  ];

  it.each(policies.flatMap(([stage, hooks]) => [true, false].map((stream) => ({ stage, hooks, stream }))))(
    "J4 $stage that fails fails the request in the client's protocol (stream: $stream)",
    async ({ stage, hooks, stream }) => {
      await using both = await bench([hooked(hooks, "policy")], { faults: /policy/ });
      const response = await both.proxy.chat({ model: "lab/m", stream });
      expect(response.status).toBe(500);
      expect(response.headers.get("content-type")).toContain("application/json");
      const { error } = (await response.json()) as OpenAIError;
      expect(error).toMatchObject({ type: "server_error", code: "internal_error" });
      expect(error.message).toContain(response.headers.get("x-request-id")!);
      expect(JSON.stringify(error)).not.toMatch(/inside knowledge|policy/);
      expect(both.proxy.logged.join("\n")).toContain(`[policy] ${stage}: ${secret}`);
      // A broken policy is not a broken key: nobody else is asked, and the next request runs.
      expect(both.upstream.requests.length).toBeLessThanOrEqual(1);
    },
  );

  it.each(["prepare", "call"] as const)("J4 a provider's %s that fails is named the same way", async (stage) => {
    const provider = defineProvider({
      name: "odd",
      protocol: "openai-chat",
      models: ["m"],
      keyless: true,
      prepare: (wire) => (stage === "prepare" ? fails() : wire),
      call: failsLater,
    });
    const plugin: Plugin = definePlugin({ name: "odd", providers: [provider] });
    await using both = await bench([plugin], { faults: /odd/ });
    const response = await both.proxy.chat({ model: "odd/m" });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toMatch(/inside knowledge/);
    expect(both.proxy.logged.join("\n")).toMatch(/\[odd\] \w+: inside knowledge/);
  });

  it("J4 what a policy throws on purpose, with a kind, is the client's to read", async () => {
    const refuse = (): never => {
      throw new ProxyError({ kind: "invalid_request", code: "prompt_rejected", message: "Not about lunch." });
    };
    await using both = await bench([hooked({ filter: refuse })]);
    const response = await both.proxy.chat({ model: "lab/m" });
    expect(response.status).toBe(400);
    expect(((await response.json()) as OpenAIError).error).toMatchObject({ code: "prompt_rejected" });
    expect(both.proxy.logged).toEqual([]);
  });

  it("J4 an event hook that fails in a stream ends it with an error event", async () => {
    let count = 0;
    await using both = await bench(
      [hooked({ event: (event) => (event.type === "text-delta" && ++count === 3 ? fails() : event) }, "censor")],
      { faults: /censor/ },
    );
    both.upstream.always(answer({ text: ["one ", "two ", "three ", "four "] }));
    const response = await both.proxy.chat({ model: "lab/m", stream: true });
    expect(response.status).toBe(200);
    const events = await allEvents(response);
    expect(textOfEvents(events)).toBe("one two ");
    const last = events.at(-1)?.json as unknown as OpenAIError;
    expect(last.error).toMatchObject({ type: "server_error", code: "internal_error" });
    expect(last.error.message).not.toMatch(/inside knowledge|censor/);
    const { outcome } = await both.proxy.recorded(1);
    expect(outcome).toMatchObject({ status: 200, end: "upstream-failed" });
    expect(both.proxy.logged.join("\n")).toContain(`[censor] event: ${secret}`);
    await expect.poll(() => both.upstream.open).toBe(0);
  });

  it.each([true, false])("J4 an event hook that fails at once fails the request (stream: %s)", async (stream) => {
    await using both = await bench([hooked({ event: fails }, "censor")], { faults: /censor/ });
    const response = await both.proxy.chat({ model: "lab/m", stream });
    expect(response.status).toBe(500);
    expect(await response.text()).not.toMatch(/inside knowledge|censor/);
    expect(both.proxy.logged.join("\n")).toContain(`[censor] event: ${secret}`);
    expect(both.upstream.requests).toHaveLength(1);
  });
});
