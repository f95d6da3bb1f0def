import { describe, expect, test } from "vitest";
import { definePlugin, type PluginInput } from "waygate";
import { cache, type CacheOptions } from "waygate/plugins/cache";
import { limits } from "waygate/plugins/limits";
import { proxyKey } from "waygate/plugins/proxy-key";
import { answer, bigFrame, chunk, cut, gate, later, status, type Step, stream } from "waygate/testing";
import { lab } from "../rules/_lab.ts";
import { bench, type Bench, readToEnd, ways } from "../rules/_streams.ts";

const fixed = { model: "lab/m", temperature: 0 };

function cached(options: CacheOptions & { readonly plugins?: readonly PluginInput[] } = {}): Promise<Bench> {
  const { plugins = [], ...own } = options;
  return bench({ plugins: [...plugins, cache(own)] });
}

interface Asked {
  readonly hit: boolean;
  readonly text: string;
  readonly status: number;
  readonly headers: Headers;
}

async function ask({ proxy }: Bench, body: object = fixed, headers: { [name: string]: string } = {}): Promise<Asked> {
  const response = await proxy.chat({ model: "lab/m", ...body }, { headers });
  const { text } = await readToEnd(response);
  return {
    hit: response.headers.get("x-waygate-cache") === "hit",
    text,
    status: response.status,
    headers: response.headers,
  };
}

/** Counts the calls, so that every answer differs. */
function counting(make: (text: string) => Step = (text) => answer({ text })): Step {
  let count = 0;
  return () => make(`answer ${++count}`);
}

describe("a hit", () => {
  test("is the answer of the first request, byte for byte, without a call", async () => {
    const setup = await cached();
    setup.upstream.always(counting());
    const first = await ask(setup);
    const second = await ask(setup);
    expect([first.hit, second.hit]).toEqual([false, true]);
    expect(second.text).toBe(first.text);
    expect(second.headers.get("content-type")).toBe(first.headers.get("content-type"));
    expect(second.headers.get("age")).toBe("0");
    expect(second.headers.get("x-request-id")).toBeTruthy();
    expect(setup.upstream.requests).toHaveLength(1);
    expect(await setup.proxy.recorded(2)).toMatchObject({
      outcome: { status: 200, end: "complete", usage: undefined },
    });
  });

  test.each(ways)("of a stream is that stream again, by way of %s", async (_, plugins) => {
    const setup = await cached({ plugins: plugins() });
    setup.upstream.always(counting());
    const first = await ask(setup, { ...fixed, stream: true });
    const response = await setup.proxy.chat({ ...fixed, stream: true });
    expect(response.headers.get("x-waygate-cache")).toBe("hit");
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    const { text } = await readToEnd(response);
    expect(text).toBe(first.text);
    expect(text).toContain("[DONE]");
    expect(setup.upstream.requests).toHaveLength(1);
  });

  test("is found by a seed as well as by temperature 0, and not without either", async () => {
    const setup = await cached();
    for (const [body, hit] of [
      [{ seed: 7 }, true],
      [{ temperature: 0.1 }, false],
      [{}, false],
    ] as const) {
      await ask(setup, body);
      expect((await ask(setup, body)).hit).toBe(hit);
    }
  });

  test("needs no such thing with all", async () => {
    const setup = await cached({ all: true });
    await ask(setup, {});
    expect((await ask(setup, {})).hit).toBe(true);
  });

  test.each([
    ["another question", { ...fixed, messages: [{ role: "user", content: "other" }] }, {}],
    ["a stream where the first was whole", { ...fixed, stream: true }, {}],
    ["another field", { ...fixed, top_p: 1 }, {}],
    ["another beta header", fixed, { "openai-beta": "x" }],
  ])("is not found for %s", async (_, body, headers) => {
    const setup = await cached();
    await ask(setup);
    expect((await ask(setup, body, headers)).hit).toBe(false);
  });

  test("belongs to one caller, unless it is shared, and never to one who may not use the model", async () => {
    const clients = definePlugin({
      name: "clients",
      hooks: {
        auth(ctx) {
          const id = ctx.req.headers.get("x-client") ?? "";
          return { id, ...(id === "barred" && { models: ["other/*"] }) };
        },
      },
    });
    const as = (id: string): { [name: string]: string } => ({ "x-client": id });
    const own = await cached({ plugins: [clients] });
    await ask(own, fixed, as("a"));
    expect((await ask(own, fixed, as("b"))).hit).toBe(false);
    expect((await ask(own, fixed, as("a"))).hit).toBe(true);
    const shared = await cached({ plugins: [clients], shared: true });
    await ask(shared, fixed, as("a"));
    expect((await ask(shared, fixed, as("b"))).hit).toBe(true);
    expect(await ask(shared, fixed, as("barred"))).toMatchObject({ hit: false, status: 403 });
  });

  test("is not given before a key is checked", async () => {
    const setup = await cached({ plugins: [proxyKey({ keys: ["client-key-of-a-test"] })] });
    const key = { authorization: "Bearer client-key-of-a-test" };
    await ask(setup, fixed, key);
    expect((await ask(setup, fixed, key)).hit).toBe(true);
    expect((await ask(setup)).status).toBe(401);
  });

  test("of embeddings needs no temperature", async () => {
    const setup = await cached();
    const embedding = {
      object: "list",
      data: [{ object: "embedding", index: 0, embedding: [1] }],
      model: "m",
      usage: {},
    };
    setup.upstream.always(status(200, embedding));
    const embed = (): Promise<Response> =>
      setup.proxy.fetch("/v1/embeddings", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "lab/m", input: "x" }),
      });
    expect((await embed()).status).toBe(200);
    expect((await embed()).headers.get("x-waygate-cache")).toBe("hit");
  });
});

test("D8 a hit gives back what was reserved for it", async () => {
  // One request at a time fits into a minute; the answer of the first takes fifteen tokens of it.
  await using setup = await lab({
    plugins: [limits({ client: { tpm: 1100 } }), cache()],
    retry: { queueWait: 0 },
    upstream: answer({ usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } }),
  });
  const asked = async (): Promise<number> => (await setup.finish(setup.proxy.chat(fixed))).status;
  for (let time = 0; time < 6; time++) expect(await asked()).toBe(200);
  expect(setup.calls).toHaveLength(1);
});

describe("nothing is kept", () => {
  test.each<[string, Step]>([
    ["a failure", status(400, { error: { message: "no" } })],
    ["an error inside a 200", status(200, { error: { message: "no" } })],
    ["a filtered answer", answer({ finish: "content_filter" })],
  ])("of %s", async (_, step) => {
    const setup = await cached();
    setup.upstream.always(step);
    await ask(setup);
    setup.upstream.always(answer());
    expect((await ask(setup)).hit).toBe(false);
  });

  test.each<[string, Step]>([
    ["a cut stream", cut(answer({ text: ["a", "b", "c"] }), 500)],
    ["a stream with an error inside", stream([chunk({ content: "a" }), { error: { message: "no" } }])],
    ["a stream without a finish", stream([chunk({ content: "a" })])],
  ])("of %s", async (_, step) => {
    const setup = await cached();
    setup.upstream.always(step);
    await ask(setup, { ...fixed, stream: true });
    setup.upstream.always(answer());
    expect((await ask(setup, { ...fixed, stream: true })).hit).toBe(false);
  });

  test("of a stream that its client has left", async () => {
    const setup = await cached();
    const hold = gate();
    setup.upstream.always(stream([chunk({ content: "a" }), hold, chunk({}, { finish: "stop" })]));
    const response = await setup.proxy.chat({ ...fixed, stream: true });
    await response.body!.cancel();
    await setup.proxy.recorded(1);
    setup.upstream.always(answer());
    expect((await ask(setup, { ...fixed, stream: true })).hit).toBe(false);
  });

  test.each([
    ["a tool the upstream runs", { tools: [{ type: "web_search" }] }],
    ["a search", { web_search_options: {} }],
    ["an answer the upstream keeps", { store: true }],
  ])("for a request with %s", async (_, more) => {
    const setup = await cached();
    await ask(setup, { ...fixed, ...more });
    expect((await ask(setup, { ...fixed, ...more })).hit).toBe(false);
  });

  test("above the size of one answer, which passes all the same", async () => {
    const setup = await cached({ answer: 20_000 });
    setup.upstream.always(stream([bigFrame(15_000), bigFrame(15_000), chunk({}, { finish: "stop" })]));
    const first = await ask(setup, { ...fixed, stream: true });
    expect(first.text.length).toBeGreaterThan(30_000);
    expect((await ask(setup, { ...fixed, stream: true })).hit).toBe(false);
  });

  test("above the size of all, where the one unused for longest goes", async () => {
    const setup = await cached({ size: 25_000 });
    setup.upstream.always((request) => answer({ text: String(request.json["seed"]).repeat(8000) }));
    for (const seed of [1, 2]) await ask(setup, { seed });
    expect((await ask(setup, { seed: 1 })).hit).toBe(true);
    await ask(setup, { seed: 3 });
    expect((await ask(setup, { seed: 1 })).hit).toBe(true);
    expect((await ask(setup, { seed: 2 })).hit).toBe(false);
  });
});

describe("cache-control", () => {
  test("no-store neither reads nor writes", async () => {
    const setup = await cached();
    await ask(setup, fixed, { "cache-control": "no-store" });
    expect((await ask(setup)).hit).toBe(false);
    expect((await ask(setup, fixed, { "cache-control": "no-store" })).hit).toBe(false);
  });

  test("no-cache asks anew, and what comes is kept", async () => {
    const setup = await cached();
    setup.upstream.always(counting());
    await ask(setup);
    const fresh = await ask(setup, fixed, { "cache-control": "no-cache" });
    expect(fresh).toMatchObject({ hit: false, text: expect.stringContaining("answer 2") as string });
    expect((await ask(setup)).text).toBe(fresh.text);
  });

  test("max-age and ttl bound the age", async () => {
    await using setup = await lab({ plugins: [cache({ ttl: 60_000 })] });
    const hit = async (headers: { [name: string]: string } = {}): Promise<boolean> => {
      const reply = await setup.finish(setup.proxy.chat(fixed, { headers }));
      return reply.headers.get("x-waygate-cache") === "hit";
    };
    await hit();
    await setup.clock.advance(10_000);
    expect(await hit({ "cache-control": "max-age=11" })).toBe(true);
    // The wall clock may be moved; an answer does not become younger by it.
    setup.clock.shift(-3_600_000);
    await setup.clock.advance(49_999);
    expect(await hit()).toBe(true);
    await setup.clock.advance(1);
    expect(await hit()).toBe(false);
    expect(await hit({ "cache-control": "max-age=0" })).toBe(false);
  });
});

describe("the same request twice at once", () => {
  test("is one call", async () => {
    const setup = await cached();
    const hold = gate();
    setup.upstream.always(later(answer(), hold));
    const asked = Array.from({ length: 5 }, () => ask(setup));
    await hold.reached;
    hold.open();
    const all = await Promise.all(asked);
    expect(all.filter(({ hit }) => hit)).toHaveLength(4);
    expect(new Set(all.map(({ text }) => text)).size).toBe(1);
    expect(setup.upstream.requests).toHaveLength(1);
  });

  test("goes on by itself when the first has failed or left", async () => {
    const setup = await cached();
    const hold = gate();
    setup.upstream.reply(later(status(400, { error: { message: "no" } }), hold));
    setup.upstream.always(answer());
    const first = ask(setup);
    await hold.reached;
    const others = [ask(setup), ask(setup)];
    hold.open();
    expect((await first).status).toBe(400);
    expect((await Promise.all(others)).map(({ status: code }) => code)).toEqual([200, 200]);
  });

  test("does not wait with wait: 0", async () => {
    const setup = await cached({ wait: 0 });
    const hold = gate();
    setup.upstream.always(later(answer(), hold));
    const both = [ask(setup), ask(setup)];
    await setup.upstream.received(2);
    hold.open();
    expect((await Promise.all(both)).some(({ hit }) => hit)).toBe(false);
  });
});

test("a stream is not held up by being kept", async () => {
  const setup = await cached();
  const hold = gate();
  setup.upstream.always(stream([chunk({ content: "early" }), hold, chunk({ content: " late" }, { finish: "stop" })]));
  const response = await setup.proxy.chat({ ...fixed, stream: true });
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  expect(Buffer.from(value!).toString()).toContain("early");
  hold.open();
  await reader.cancel();
});

test("a tap that fails is told no more, and the answer goes on", async () => {
  const broken = definePlugin({
    name: "broken",
    hooks: {
      filter(ctx) {
        ctx.delivery = {
          tap: {
            data() {
              throw new Error("no tap");
            },
          },
        };
      },
    },
  });
  const setup = await bench({ plugins: [broken], faults: /no tap/ });
  expect((await ask(setup, { stream: true })).text).toContain("[DONE]");
  expect(setup.proxy.logged.filter((line) => line.includes("no tap"))).toHaveLength(1);
});

test.each([{ ttl: 0 }, { size: Number.NaN }, { answer: -1 }, { wait: -1 }])(
  "refuses %j with the option's name",
  (options) => {
    expect(() => cache(options)).toThrow(new RegExp(Object.keys(options)[0]!));
  },
);
