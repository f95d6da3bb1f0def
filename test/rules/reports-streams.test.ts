/** What users of other proxies reported of streams and of translation, end to end over sockets. Rows of reports.md. */
import { describe, expect, it } from "vitest";
import { definePlugin, type JsonObject, type PluginInput } from "waygate";
import { cooldown } from "waygate/plugins/cooldown";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import {
  allEvents,
  answer,
  chunk,
  createTestProxy,
  createUpstream,
  namedEvent,
  status,
  type Step,
  stream,
  type TestProxy,
  textOfEvents,
  type Upstream,
} from "waygate/testing";
import { mixed } from "../pipeline/_mixed.ts";
import { wires } from "../sdk/_upstreams.ts";
import type { ProtocolId } from "../sdk/wire/types.ts";
import { bench, closing, ways } from "./_streams.ts";

/** Writes the request anew, as plugins do that change prompts. */
const rewriting: PluginInput = definePlugin({
  name: "rewriting",
  hooks: {
    filter(ctx) {
      ctx.request = { ...ctx.request, temperature: 0.5 };
    },
  },
});

interface One {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
}

/** A client sends a text as it stands to the only provider there is. */
async function one(protocol: ProtocolId, plugins: readonly PluginInput[] = []): Promise<One> {
  const wire = wires[protocol];
  const upstream = closing(await createUpstream({ base: wire.base, step: wire.says({ text: "ok" }) }));
  const plugin = openaiCompatible({ name: "up", protocol, baseURL: upstream.url, keys: ["k"], models: ["m"] });
  const proxy = closing(await createTestProxy({ listen: true, plugins: [plugin, ...plugins] }));
  return { proxy, upstream };
}

async function post({ proxy }: One, path: string, body: string): Promise<string> {
  const headers = { "content-type": "application/json" };
  const response = await proxy.fetch(path, { method: "POST", headers, body });
  const text = await response.text();
  expect(`${response.status} ${text}`).toMatch(/^200 /);
  return text;
}

describe("report 32", () => {
  const message = "Rate limit reached for m on tokens per min (TPM): Limit 30000. Please try again in 20s.";
  const errors: readonly (readonly [string, ProtocolId, Step])[] = [
    ["with its code", "openai-chat", stream([{ error: { message, type: "tokens", code: "rate_limit_exceeded" } }])],
    ["with its words alone", "openai-chat", stream([{ error: { message } }], { noDone: true })],
    [
      "behind a start",
      "openai-responses",
      stream(
        [
          namedEvent("response.created", {
            type: "response.created",
            response: { id: "resp_1", status: "in_progress" },
          }),
          namedEvent("error", { type: "error", error: { type: "tokens", code: "rate_limit_exceeded", message } }),
        ],
        { noDone: true },
      ),
    ],
  ];

  it.each(errors)(
    "report 32: a limit that comes as an error in the stream, %s, rests the key for as long as it says",
    async (_, protocol, step) => {
      const { proxy, upstreams } = await mixed(
        { up: protocol },
        { keys: ["k1", "k2"], plugins: [cooldown()], listen: true },
      );
      upstreams["up"]!.when({ key: "k1" }, step);
      const response = await proxy.chat({ model: "up/m", stream: true });
      expect(textOfEvents(await allEvents(response))).toBe("hello there");
      expect(upstreams["up"]!.requests.map(({ key }) => key)).toEqual(["k1", "k2"]);
      const [rested, ...others] = proxy.app.credentials.rests();
      expect(others).toEqual([]);
      expect(rested).toMatchObject({ target: { model: "m" }, rest: { state: "cooling", kind: "rate_limited" } });
      const left = rested!.rest.until - proxy.app.runtime.clock.now();
      expect(left).toBeGreaterThan(15_000);
      expect(left).toBeLessThanOrEqual(20_000);
    },
  );
});

describe("report 34", () => {
  const begun: { readonly [Id in ProtocolId]?: readonly object[] } = {
    anthropic: [
      namedEvent("message_start", {
        type: "message_start",
        message: { id: "msg_1", type: "message", role: "assistant", content: [], usage: { input_tokens: 3 } },
      }),
      namedEvent("ping", { type: "ping" }),
      namedEvent("content_block_start", {
        type: "content_block_start",
        index: 0,
        content_block: { type: "text", text: "" },
      }),
    ],
    "openai-responses": ["response.created", "response.in_progress"].map((type) =>
      namedEvent(type, { type, response: { id: "resp_1", status: "in_progress", output: [] } }),
    ),
    "openai-chat": [chunk({ role: "assistant", content: "" })],
  };
  const asks: readonly (readonly [ProtocolId, string, object])[] = [
    ["anthropic", "/v1/messages", { max_tokens: 9, messages: [{ role: "user", content: "hi" }] }],
    ["openai-responses", "/v1/responses", { input: "hi" }],
    ["openai-chat", "/v1/chat/completions", { messages: [{ role: "user", content: "hi" }] }],
  ];
  const pairs = asks.flatMap((ask) => Object.keys(begun).map((upstream) => [...ask, upstream as ProtocolId] as const));

  it.each(pairs)(
    "report 34: a client of %s (%s, %j) gets a plain refusal when every stream of %s fails behind its start",
    async (_, path, body, upstream) => {
      const { upstreams, post: ask } = await mixed(
        { one: upstream, two: upstream },
        { models: { any: ["one/m", "two/m"] }, retry: { sameCredential: 0 }, listen: true },
      );
      for (const each of Object.values(upstreams)) each.always(stream(begun[upstream]!, { noDone: true }));
      const reply = await ask(path, { model: "any", stream: true, ...body });
      expect(reply.status).toBe(502);
      expect(reply.headers.get("content-type")).toContain("application/json");
      expect(reply.json["error"]).toHaveProperty("message");
      expect(reply.text).not.toMatch(/message_start|response\.created|delta/);
      expect(Object.values(upstreams).map(({ requests }) => requests.length)).toEqual([1, 1]);
    },
  );
});

describe("report 35", () => {
  it.each(ways)("report 35: what breaks behind its first word is not asked again (%s)", async (_, plugins) => {
    const { proxy, upstream } = await bench({ listen: true, plugins: plugins() });
    upstream.reply(stream([chunk({ content: "once" })], { noDone: true }), answer({ text: "once more" }));
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(textOfEvents(events)).toBe("once");
    expect(events.at(-1)?.json).toHaveProperty("error");
    expect(upstream.requests).toHaveLength(1);
  });
});

describe("report 36", () => {
  const zero = { cached_tokens: 0 };
  const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12, prompt_tokens_details: zero };

  it.each(["openai-responses", "anthropic"] as const)(
    "report 36: cached tokens reach a client of %s, none of them too",
    async (client) => {
      for (const cached of [0, 5]) {
        const counts = { ...usage, prompt_tokens_details: { cached_tokens: cached } };
        for (const isStream of [true, false]) {
          const sole = await one("openai-chat");
          sole.upstream.always(
            isStream
              ? // In the chunk that finishes, as some upstreams have it.
                stream([chunk({ content: "hi" }), chunk({}, { finish: "stop", usage: counts })])
              : status(200, {
                  choices: [{ index: 0, message: { role: "assistant", content: "hi" }, finish_reason: "stop" }],
                  usage: counts,
                }),
          );
          const [path, body, found] =
            client === "anthropic"
              ? [
                  "/v1/messages",
                  { max_tokens: 9, messages: [{ role: "user", content: "hi" }] },
                  "cache_read_input_tokens",
                ]
              : ["/v1/responses", { input: "hi" }, "cached_tokens"];
          const text = await post(sole, path, JSON.stringify({ model: "up/m", stream: isStream, ...body }));
          expect([...text.matchAll(new RegExp(`"${found}":(\\d+)`, "g"))].at(-1)?.[1]).toBe(String(cached));
          const { outcome } = await sole.proxy.recorded(1);
          expect(outcome.usage).toMatchObject({ input: 9, output: 3, cacheRead: cached });
        }
      }
    },
  );
});

describe("report 37", () => {
  const start = {
    ...{ input_tokens: 4, cache_creation_input_tokens: 100, cache_read_input_tokens: 0, output_tokens: 1 },
    ...{ cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 0 }, service_tier: "standard" },
  };
  const end = { input_tokens: 4, cache_creation_input_tokens: 60, cache_read_input_tokens: 40, output_tokens: 7 };
  const said = (type: string, fields: object): object => namedEvent(type, { type, ...fields });
  const step = stream(
    [
      said("message_start", {
        message: { id: "msg_1", type: "message", role: "assistant", content: [], stop_reason: null, usage: start },
      }),
      said("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
      said("content_block_delta", { index: 0, delta: { type: "text_delta", text: "hi" } }),
      said("content_block_stop", { index: 0 }),
      said("message_delta", { delta: { stop_reason: "end_turn" }, usage: { ...end, server_tool_use: null } }),
      said("message_stop", {}),
    ],
    { noDone: true },
  );
  const ask = JSON.stringify({
    model: "up/m",
    max_tokens: 9,
    stream: true,
    messages: [{ role: "user", content: "hi" }],
  });

  it.each([
    ["passed on", []],
    ["written anew", [rewriting]],
  ] as const)("report 37: the last count is the one that counts (request %s)", async (_, plugins) => {
    const sole = await one("anthropic", plugins);
    sole.upstream.always(step);
    await post(sole, "/v1/messages", ask);
    const { outcome } = await sole.proxy.recorded(1);
    expect(outcome.usage).toMatchObject({ input: 104, cacheRead: 40, cacheWrite: 60, output: 7 });
  });

  it("report 37: one proxy behind another changes no count and no field of a usage", async () => {
    const inner = await one("anthropic");
    inner.upstream.always(step);
    const direct = await post(inner, "/v1/messages", ask);
    const plugin = openaiCompatible({
      name: "chain",
      protocol: "anthropic",
      baseURL: `${inner.proxy.url}/v1`,
      keys: ["k"],
      models: ["up/m"],
    });
    const outer = {
      proxy: closing(await createTestProxy({ listen: true, plugins: [plugin] })),
      upstream: inner.upstream,
    };
    const chained = await post(outer, "/v1/messages", ask.replace("up/m", "chain/up/m"));
    expect(chained).toBe(direct);
    for (const count of [start, { ...end, server_tool_use: null }]) {
      expect(chained).toContain(`"usage":${JSON.stringify(count)}`);
    }
    const [here, there] = [await outer.proxy.recorded(1), await inner.proxy.recorded(2)];
    expect(here.outcome.usage).toEqual(there.outcome.usage);
  });
});

describe("report 38", () => {
  // What a parse and a print, a trim or a normalisation would change.
  const thinking = String.raw` \u00e9 e\u0301 \/ \u2028 \ud83d\udc4b "x"`.replaceAll('"', String.raw`\"`);
  const block = `{ "type":"thinking", "thinking" : "${thinking}\\n ","signature":"RXE\\u0051=" }`;
  const body = (model: string): string =>
    `{"model":"${model}","max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":1024},"messages":[` +
    `{"role":"user","content":"hi"},{"role":"assistant","content":[${block},{"type":"text","text":"so"}]},` +
    `{"role":"user","content":"on"}]}`;

  it("report 38: a thinking block reaches its own service byte for byte", async () => {
    const sole = await one("anthropic");
    await post(sole, "/v1/messages", body("up/m"));
    expect(sole.upstream.requests[0]!.body).toBe(body("m"));
  });

  it("report 38: and character for character where the request is written anew", async () => {
    const sole = await one("anthropic", [rewriting]);
    await post(sole, "/v1/messages", body("up/m"));
    const [, turn] = sole.upstream.requests[0]!.json["messages"] as unknown as readonly {
      content: readonly unknown[];
    }[];
    expect(turn?.content[0]).toEqual(JSON.parse(block));
  });
});

describe("report 39", () => {
  const turns = [
    { role: "user", content: "hi" },
    { role: "assistant", content: "so", reasoning_content: "I think" },
    { role: "user", content: "on" },
  ];

  it("report 39: reasoning without a signature is left out for a service that signs, and none is made up", async () => {
    const sole = await one("anthropic");
    const ask = { model: "up/m", max_tokens: 4000, reasoning_effort: "high", messages: turns };
    await post(sole, "/v1/chat/completions", JSON.stringify(ask));
    const { body } = sole.upstream.requests[0]!;
    expect(body).not.toMatch(/signature|I think/);
    expect(body).toContain('"so"');
  });

  it("report 39: a signature that a client has changed or emptied is not put right", async () => {
    for (const signature of ["", "changed"]) {
      const sole = await one("anthropic");
      const block = { type: "thinking", thinking: "I think", signature };
      const assistant = { role: "assistant", content: [block, { type: "text", text: "so" }] };
      const ask = { model: "m", max_tokens: 2000, messages: [turns[0], assistant, turns[2]] };
      await post(sole, "/v1/messages", JSON.stringify({ ...ask, model: "up/m" }));
      expect(sole.upstream.requests[0]!.json).toEqual(ask);
    }
  });
});

describe("report 49", () => {
  const header = (n: number): JsonObject => ({
    type: "text",
    text: `x-anthropic-billing-header: cc_version=2; cch=${n};`,
  });
  const text = (n: number): string =>
    JSON.stringify({
      model: "up/m",
      max_tokens: 2000,
      system: [header(n), { type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } }],
      messages: [{ role: "user", content: "hi" }],
    });

  it.each(["openai-chat", "openai-responses", "gemini"] as const)(
    "report 49: the header that changes with every request never reaches %s, so that its cache holds",
    async (protocol) => {
      const sole = await one(protocol);
      for (const n of [1, 2]) await post(sole, "/v1/messages", text(n));
      const [first, second] = sole.upstream.requests.map(({ body }) => body);
      expect(first).toContain("Be brief.");
      expect(first).not.toContain("billing");
      expect(second).toBe(first);
    },
  );

  it("report 49: it reaches Anthropic's protocol as it came, also where the request is written anew", async () => {
    const sole = await one("anthropic");
    await post(sole, "/v1/messages", text(1));
    expect(sole.upstream.requests[0]!.body).toBe(text(1).replace("up/m", "m"));
    const anew = await one("anthropic", [rewriting]);
    await post(anew, "/v1/messages", text(1));
    expect(anew.upstream.requests[0]!.body).toContain(`"system":[${JSON.stringify(header(1))},`);
  });

  it.each([
    [{ thinking: { type: "adaptive" }, output_config: { effort: "high" } }, "high"],
    [{ thinking: { type: "adaptive" }, output_config: { effort: "xhigh" } }, "xhigh"],
    [{ output_config: { effort: "low" } }, "low"],
    [{ thinking: { type: "adaptive" } }, "medium"],
    [{ thinking: { type: "disabled" } }, "none"],
  ])("report 49: %j is the effort %s, and never the lowest for want of a budget", async (fields, effort) => {
    const sole = await one("openai-chat");
    const ask = { model: "up/m", max_tokens: 2000, messages: [{ role: "user", content: "hi" }], ...fields };
    await post(sole, "/v1/messages", JSON.stringify(ask));
    expect(sole.upstream.requests[0]!.json["reasoning_effort"]).toBe(effort);
  });
});
