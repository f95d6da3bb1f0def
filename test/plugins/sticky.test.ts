import { describe, expect, test } from "vitest";
import { type StateStore, withField, jsonBody } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { resilience } from "waygate/plugins/resilience";
import { rotate } from "waygate/plugins/rotate";
import { sticky } from "waygate/plugins/sticky";
import { answer, gate, later, status } from "waygate/testing";
import { sessionOf } from "../../plugins/sticky/session.ts";
import { lab, type LabOptions, type Lab } from "../rules/_lab.ts";
import { fakeApp, fakeContext } from "./_fakes.ts";

const keys = Array.from({ length: 12 }, (_, index) => `k${index}`);
const MINUTE = 60_000;

/** Keys taken in turn unless something holds a request on one. */
function rotating(options: LabOptions & { readonly sticky?: Parameters<typeof sticky>[0] } = {}): Promise<Lab> {
  const { sticky: own, plugins = [], ...rest } = options;
  return lab({
    providers: { lab: keys },
    ...rest,
    plugins: [rotate({ mode: "round-robin" }), sticky(own), ...plugins],
  });
}

const user = (content: unknown): object => ({ role: "user", content });
const assistant = (content: unknown): object => ({ role: "assistant", content });

/** One chat request of a conversation, and the key it went to. */
async function turn(setup: Lab, body: object, headers: { readonly [name: string]: string } = {}): Promise<string> {
  setup.asked();
  const reply = await setup.finish(setup.proxy.chat({ model: "lab/m", ...body }, { headers }));
  expect(reply.status).toBe(200);
  return setup.asked();
}

describe("A21 a conversation stays on its key", () => {
  test("A21 as the header names it, while others go round", async () => {
    await using setup = await rotating();
    const mine = await turn(setup, {}, { "x-waygate-session": "s1" });
    for (let time = 0; time < 5; time++) {
      expect(await turn(setup, {}, { "x-waygate-session": "s2" })).not.toBe(mine);
      expect(await turn(setup, {}, { "x-waygate-session": "s1" })).toBe(mine);
    }
  });

  test.each([
    ["Claude Code's header", {}, { "x-claude-code-session-id": "7a1b" }],
    ["Codex' header", {}, { session_id: "7a1b" }],
    ["OpenCode's header", {}, { "x-session-affinity": "ses_7a1b" }],
    ["an id in the body", { conversation_id: "7a1b" }, {}],
    ["an id in the metadata", { metadata: { thread_id: "7a1b" } }, {}],
    ["the cache key of OpenAI", { prompt_cache_key: "7a1b" }, {}],
    ["the session in Claude Code's user id", { metadata: { user_id: "user_ab_account__session_7a1b-22cd" } }, {}],
    ["the same as JSON", { metadata: { user_id: '{"device_id":"d","session_id":"7a1b-22cd"}' } }, {}],
    ["a conversation of Responses", { conversation: { id: "conv_7a1b" } }, {}],
  ])("A21 as %s names it", async (_, body, headers) => {
    await using setup = await rotating();
    const first = await turn(setup, body, headers);
    await turn(setup, {});
    expect(await turn(setup, body, headers)).toBe(first);
  });

  test("A21 by its first question when it goes on, and by its first answer from then on", async () => {
    await using setup = await rotating();
    const opening = [{ role: "system", content: "be kind" }, user("What is a proxy?")];
    const first = await turn(setup, { messages: opening });
    const second = [...opening, assistant("A go-between."), user("Why?")];
    expect(await turn(setup, { messages: second })).toBe(first);
    // Somebody else asks the same first question: the conversation that has gone on is not theirs.
    expect(await turn(setup, { messages: opening })).not.toBe(first);
    expect(await turn(setup, { messages: [...second, assistant("Because."), user("And?")] })).toBe(first);
  });

  test("A21 through calls of tools, whatever the client marks in its messages meanwhile", async () => {
    await using setup = await rotating();
    const first = await turn(setup, { messages: [user([{ type: "text", text: "list files" }])] });
    const call = { role: "assistant", content: null, tool_calls: [{ id: "call_1", function: { name: "ls" } }] };
    const messages = [
      user([{ type: "text", text: "list files", cache_control: { type: "ephemeral" } }]),
      call,
      { role: "tool", tool_call_id: "call_1", content: "a b" },
    ];
    expect(await turn(setup, { messages })).toBe(first);
  });

  test("A21 after its key rests it moves, and stays where it has moved", async () => {
    const failing = new Set<string>();
    await using setup = await rotating({
      plugins: [cooldown()],
      upstream: (request) => (failing.has(request.key!) ? status(429, {}, { "retry-after": "60" }) : answer()),
    });
    const header = { "x-waygate-session": "s" };
    const first = await turn(setup, {}, header);
    failing.add(first);
    const [tried, second] = (await turn(setup, {}, header)).split(" ");
    expect(tried).toBe(first);
    expect(second).not.toBe(first);
    failing.clear();
    await setup.clock.advance(2 * MINUTE);
    expect(await turn(setup, {}, header)).toBe(second);
  });

  test("A21 among ten thousand keys, of which a request sees sixty-four", async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => `k${index}`);
    await using setup = await lab({ providers: { lab: many }, plugins: [resilience()] });
    const header = { "x-waygate-session": "s" };
    const first = await turn(setup, {}, header);
    for (let time = 0; time < 200; time++) await turn(setup, {});
    expect(await turn(setup, {}, header)).toBe(first);
  });

  test("A21 below the order of an alias: the better target is taken again, and each remembers its key", async () => {
    let down = false;
    await using setup = await rotating({
      providers: { one: keys, two: keys.map((key) => `x${key}`) },
      models: { smart: ["one/m", "two/m"] },
      retry: { sameCredential: 0, attempts: 20 },
      upstream: (request) => (down && !request.key!.startsWith("x") ? status(500) : answer()),
    });
    const ask = (): Promise<string> => turn(setup, { model: "smart" }, { "x-waygate-session": "s" });
    const last = (tried: string): string => tried.split(" ").at(-1)!;
    const first = await ask();
    down = true;
    const moved = last(await ask());
    expect(moved).toMatch(/^x/);
    expect(last(await ask())).toBe(moved);
    down = false;
    expect(await ask()).toBe(first);
  });
});

describe("nobody is held up or mixed up", () => {
  test("a busy key is gone around at once", async () => {
    await using setup = await rotating({ concurrency: 1 });
    const header = { "x-waygate-session": "s" };
    const first = await turn(setup, {}, header);
    const target = { provider: setup.proxy.app.providers[0]!, model: "m", position: 0 };
    const lease = setup.pool.flights.acquire(setup.pool.ring(target).find(setup.id(first))!);
    const second = await turn(setup, {}, header);
    expect(second).not.toBe(first);
    lease?.release();
    expect(await turn(setup, {}, header)).toBe(second);
  });

  test("with wait its key is waited for as long as that, and another taken afterwards", async () => {
    const hold = [gate(), gate()];
    let next = 0;
    await using setup = await rotating({
      concurrency: 1,
      sticky: { wait: 2000 },
      upstream: (request) => (request.body.includes("hold") ? later(answer(), hold[next++]!) : answer()),
    });
    const header = { "x-waygate-session": "s" };
    const first = await turn(setup, {}, header);
    const held = setup.proxy.chat({ model: "lab/m", hold: true }, { headers: header });
    await setup.clock.advance(0);
    const waiting = turn(setup, {}, header);
    await hold[0]!.reached;
    hold[0]!.open();
    expect((await waiting).split(" ").at(-1)).toBe(first);
    expect((await held).status).toBe(200);

    const again = setup.proxy.chat({ model: "lab/m", hold: true }, { headers: header });
    await setup.clock.advance(0);
    const start = setup.clock.now();
    const moved = (await turn(setup, {}, header)).split(" ").at(-1);
    expect(moved).not.toBe(first);
    expect(setup.clock.now() - start).toBeGreaterThanOrEqual(2000);
    hold[1]!.open();
    await setup.finish(again);
  });

  test("one caller's name of a conversation is not another's, nor one model's another model's", () => {
    const keyOf = (principal: string | undefined, model: string): string => {
      const body = jsonBody({ session_id: "s" });
      const caller = principal === undefined ? undefined : { id: principal };
      return sessionOf(fakeContext(fakeApp(), { model, principal: caller, body }), true)!.key;
    };
    expect(new Set([keyOf("a", "m"), keyOf("b", "m"), keyOf("a", "n"), keyOf(undefined, "m")]).size).toBe(4);
  });

  test("a question asked again and again is spread over the keys", async () => {
    await using setup = await rotating();
    const asked = new Set<string>();
    for (let time = 0; time < keys.length; time++) asked.add(await turn(setup, { messages: [user("hi")] }));
    expect(asked.size).toBe(keys.length);
  });

  test("a user's id without a session is no conversation", async () => {
    await using setup = await rotating();
    const asked = new Set<string>();
    for (let time = 0; time < 4; time++) asked.add(await turn(setup, { metadata: { user_id: "somebody" } }));
    expect(asked.size).toBe(4);
  });

  test("infer: false leaves conversations alone that nobody names", async () => {
    await using setup = await rotating({ sticky: { infer: false } });
    const messages = [user("a"), assistant("b"), user("c")];
    const first = await turn(setup, { messages });
    expect(await turn(setup, { messages })).not.toBe(first);
    const named = await turn(setup, { messages, chat_id: "c" });
    expect(await turn(setup, { messages, chat_id: "c" })).toBe(named);
  });

  test("is forgotten after its time, and kept while it goes on", async () => {
    await using setup = await rotating({ sticky: { ttl: 10 * MINUTE } });
    const header = { "x-waygate-session": "s" };
    const first = await turn(setup, {}, header);
    for (let time = 0; time < 5; time++) {
      await setup.clock.advance(7 * MINUTE);
      expect(await turn(setup, {}, header)).toBe(first);
    }
    await setup.clock.advance(11 * MINUTE);
    expect(await turn(setup, {}, header)).not.toBe(first);
  });

  test("a key that was taken out is not looked for", async () => {
    await using setup = await rotating();
    const header = { "x-waygate-session": "s" };
    const first = await turn(setup, {}, header);
    setup.pool.remove(setup.id(first));
    expect(await turn(setup, {}, header)).not.toBe(first);
  });
});

describe("the store", () => {
  test("may answer later, as one over a network does", async () => {
    await using setup = await rotating();
    const { state } = setup.proxy.app;
    const { get, set } = state;
    Object.assign(state, {
      get: (key: string) => Promise.resolve(get.call(state, key)),
      set: (...args: Parameters<StateStore["set"]>) => Promise.resolve(set.apply(state, args)),
    });
    const messages = [user("q"), assistant("a"), user("r")];
    const first = await turn(setup, { messages: messages.slice(0, 1) });
    expect(await turn(setup, { messages })).toBe(first);
    expect(await turn(setup, { messages: [...messages, assistant("b"), user("s")] })).toBe(first);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("store down");
      },
    ],
    ["rejects", () => Promise.reject(new Error("store down"))],
  ])("that %s costs the affinity and no request, and is said once", async (_, fails) => {
    await using setup = await rotating();
    Object.assign(setup.proxy.app.state, { get: fails, set: fails });
    for (let time = 0; time < 3; time++) await turn(setup, {}, { "x-waygate-session": "s" });
    expect(setup.proxy.logged.filter((line) => line.includes("store down"))).toHaveLength(1);
  });

  test("with something else under the key is as good as none", async () => {
    await using setup = await rotating();
    Object.assign(setup.proxy.app.state, { get: () => ({ homes: "x", at: "y" }) });
    const first = await turn(setup, {}, { "x-waygate-session": "s" });
    expect(await turn(setup, {}, { "x-waygate-session": "s" })).not.toBe(first);
  });
});

test("an unknown key of a request of megabytes costs microseconds, whatever it holds", () => {
  const app = fakeApp();
  const big = Array.from({ length: 2000 }, (_, index) => ({
    role: index % 2 === 0 ? "user" : "assistant",
    content: [{ type: "text", text: "x".repeat(4000) + index }],
  }));
  const ctx = fakeContext(app, { body: withField(jsonBody({ messages: big }), ["model"], "m") });
  void ctx.body.json;
  sessionOf(ctx, true);
  const start = performance.now();
  for (let time = 0; time < 200; time++) sessionOf(ctx, true);
  // Eight megabytes would take milliseconds each.
  expect((performance.now() - start) / 200).toBeLessThan(1);
});

test.each([
  [
    "Gemini",
    {
      contents: [
        { role: "user", parts: [{ text: "q" }] },
        { role: "model", parts: [{ text: "a" }] },
      ],
    },
  ],
  [
    "Responses",
    {
      input: [
        { role: "user", content: "q" },
        { type: "function_call", call_id: "c", name: "f" },
      ],
    },
  ],
  [
    "Anthropic",
    {
      messages: [
        { role: "user", content: "q" },
        { role: "assistant", content: [{ type: "tool_use", id: "t" }] },
      ],
    },
  ],
])("a conversation of %s is known by how it began", (_, body) => {
  const of = (json: object): ReturnType<typeof sessionOf> =>
    sessionOf(fakeContext(fakeApp(), { body: jsonBody(json as never) }), true);
  const [field] = Object.keys(body);
  const turns = Object.values(body)[0]!;
  const first = of({ [field!]: turns.slice(0, 1) })!;
  const second = of(body)!;
  const third = of({ [field!]: [...turns, turns[0]] })!;
  expect(first.known).toEqual([]);
  expect(second.known).toContain(first.key);
  expect(third.known[0]).toBe(second.key);
});

test.each([{ ttl: 0 }, { ttl: Number.NaN }, { wait: -1 }])("refuses %j with the option's name", (options) => {
  expect(() => sticky(options)).toThrow(new RegExp(Object.keys(options)[0]!));
});

test("K5 stands between key priority and balance wherever it is listed", () => {
  expect(sticky().hooks?.selectKey).toMatchObject({ precedence: "affinity" });
});
