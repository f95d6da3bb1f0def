/** Rules J1 and J2: every hook fires on every route, in both modes and on every path, and what it returns is used. */
import { describe, expect, it } from "vitest";
import { definePlugin, defineProvider, jsonBody, type StreamEvent } from "waygate";
import { allEvents, answer, status, textOfEvents } from "waygate/testing";
import { bench, hooked, witness } from "./_pipeline.ts";

const spellings = ["/v1/chat/completions", "/v1/v1/chat/completions", "/chat/completions"];
const ask = (model: string, stream: boolean): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model, stream, messages: [{ role: "user", content: "hi" }] }),
});

const modes = spellings.flatMap((path) =>
  [true, false].flatMap((stream) => [true, false].map((events) => ({ path, stream, events }))),
);

describe("J1 every hook fires", () => {
  it.each(modes)("J1 on $path with stream: $stream, events looked at: $events", async ({ path, stream, events }) => {
    const { plugin, ran } = witness("witness", events);
    await using both = await bench([plugin]);
    both.upstream.reply(status(500, {}), answer({ text: "hello" }));
    const response = await both.proxy.fetch(path, ask("lab/m", stream));
    expect(response.status).toBe(200);
    const text = stream ? textOfEvents(await allEvents(response)) : await response.text();
    expect(text).toContain("hello");
    const { outcome } = await both.proxy.recorded(1);
    expect(outcome.path).toBe(events ? "events" : "bytes");
    const tries = ["selectKey", "transform", "call"];
    const expected = ["auth", "filter", ...tries, "fail", ...tries, ...(events ? ["event"] : []), "record"];
    expect(ran).toEqual(expected);
  });

  it.each([true, false])("J1 behind a provider's envelope, with stream: %s", async (stream) => {
    // Wraps every message in {"inner": …}, as Google's code assistants do.
    const wrap = (data: string): string => (data === "[DONE]" ? data : `{"inner":${data}}`);
    const provider = defineProvider({
      name: "wrapped",
      protocol: "openai-chat",
      models: ["m"],
      keyless: true,
      prepare: (wire) => wire,
      rewrite: () => {
        const unwrap = (data: string): string => data.replace(/^\{"inner":(.*)\}$/s, "$1");
        return { message: (message) => ({ ...message, data: unwrap(message.data) }), body: unwrap };
      },
      call(_, attempt) {
        const choice = { index: 0, delta: { content: "hello" }, message: { role: "assistant", content: "hello" } };
        const json = wrap(JSON.stringify({ id: "x", choices: [{ ...choice, finish_reason: "stop" }] }));
        const type = attempt.ctx.stream ? "text/event-stream" : "application/json";
        const body = attempt.ctx.stream ? `data: ${json}\n\ndata: [DONE]\n\n` : json;
        return Promise.resolve(new Response(body, { headers: { "content-type": type } }));
      },
    });
    const { plugin, ran } = witness("witness", false);
    await using both = await bench([definePlugin({ name: "wrapped", providers: [provider] }), plugin]);
    const response = await both.proxy.fetch("/v1/chat/completions", ask("wrapped/m", stream));
    expect(await response.text()).toMatch(/^(data: )?\{"id":"x"/);
    expect((await both.proxy.recorded(1)).outcome.path).toBe("messages");
    expect(ran).toEqual(["auth", "filter", "selectKey", "transform", "call", "record"]);
  });
});

describe("J2 what a hook returns is used", () => {
  it("J2 the first principal wins, and an auth hook that declines leaves it to the next", async () => {
    const seen: string[] = [];
    await using both = await bench([
      hooked({ auth: () => void seen.push("a") }, "a"),
      hooked({ auth: () => ({ id: "b", label: "Bea" }) }, "b"),
      hooked({ auth: () => (seen.push("c"), { id: "c" }) }, "c"),
    ]);
    await (await both.proxy.chat({ model: "lab/m" })).text();
    expect((await both.proxy.recorded(1)).ctx.principal).toEqual({ id: "b", label: "Bea" });
    expect(seen).toEqual(["a"]);
  });

  it("J2 a filter's Response is the answer, and nothing after it is asked", async () => {
    const later = witness("later");
    await using both = await bench([
      hooked({ filter: () => Response.json({ own: 1 }, { status: 299, headers: { "x-own": "yes" } }) }),
      later.plugin,
    ]);
    const response = await both.proxy.chat({ model: "lab/m" }, { headers: { "x-request-id": "mine-1" } });
    expect(response.status).toBe(299);
    expect(response.headers.get("x-own")).toBe("yes");
    expect(response.headers.get("x-request-id")).toBe("mine-1");
    expect(await response.json()).toEqual({ own: 1 });
    expect(both.upstream.requests).toHaveLength(0);
    const { outcome, ctx } = await both.proxy.recorded(1);
    expect(outcome).toMatchObject({ status: 299, end: "complete" });
    expect(ctx.attempts).toEqual([]);
    expect(later.ran).toEqual(["auth", "record"]);
  });

  it("J2 a filter's Response whose headers are frozen is answered too", async () => {
    await using both = await bench([hooked({ filter: () => Response.redirect("http://other.example/", 307) })]);
    const response = await both.proxy.chat({ model: "lab/m" }, { redirect: "manual" });
    expect(response.status).toBe(307);
    expect(response.headers.get("location")).toBe("http://other.example/");
    expect(response.headers.has("x-request-id")).toBe(true);
  });

  it("J2 selectKey's order is the order of the attempts, and what it leaves out is not asked", async () => {
    await using both = await bench([hooked({ selectKey: (candidates) => [...candidates].reverse() })]);
    both.upstream.reply(status(500, {}), answer());
    expect((await both.proxy.chat({ model: "lab/m" })).status).toBe(200);
    expect(both.upstream.requests.map((request) => request.key)).toEqual(["two", "one"]);

    const drop = hooked({ selectKey: { precedence: "drop", handler: (candidates) => candidates.slice(1) } });
    await using fewer = await bench([drop]);
    expect((await fewer.proxy.chat({ model: "lab/m" })).status).toBe(200);
    expect(fewer.upstream.requests.map((request) => request.key)).toEqual(["two"]);

    await using none = await bench([hooked({ selectKey: () => [] })]);
    expect((await none.proxy.chat({ model: "lab/m" })).status).toBe(503);
    expect(none.upstream.requests).toHaveLength(0);
  });

  it("J2 transform's wire is what is sent", async () => {
    await using both = await bench([
      hooked({
        transform(attempt) {
          const { wire } = attempt;
          const body = jsonBody({ ...wire.body?.json, temperature: 0.5 });
          attempt.wire = { ...wire, headers: { ...wire.headers, "x-extra": "1" }, body };
        },
      }),
    ]);
    await (await both.proxy.chat({ model: "lab/m", temperature: 0 })).text();
    const { headers, json } = await both.upstream.received(1);
    expect(headers["x-extra"]).toBe("1");
    expect(json["temperature"]).toBe(0.5);
  });

  it("J2 a transform changes its own attempt only: the next one starts from the client's request", async () => {
    await using both = await bench([
      hooked({
        transform(attempt) {
          if (attempt.index === 0) attempt.wire = { ...attempt.wire, body: jsonBody({ spoiled: true }) };
        },
      }),
    ]);
    both.upstream.reply(status(500, {}), answer());
    expect((await both.proxy.chat({ model: "lab/m", seed: 7 })).status).toBe(200);
    expect(both.upstream.requests.map(({ json }) => json["spoiled"] ?? json["seed"])).toEqual([true, 7]);
  });

  it("J2 call's Response takes the place of the upstream's", async () => {
    const body = {
      id: "own",
      choices: [{ index: 0, message: { role: "assistant", content: "own" }, finish_reason: "stop" }],
    };
    await using both = await bench([hooked({ call: () => Promise.resolve(Response.json(body)) })]);
    expect(await (await both.proxy.chat({ model: "lab/m" })).json()).toEqual(body);
    expect(both.upstream.requests).toHaveLength(0);
  });

  it.each([
    ["stop", 1, 500],
    ["next", 2, 200],
  ] as const)("J2 fail's verdict %s decides", async (then, calls, code) => {
    await using both = await bench([hooked({ fail: () => ({ then }) })]);
    both.upstream.reply(status(500, {}), answer());
    expect((await both.proxy.chat({ model: "lab/m" })).status).toBe(code);
    expect(both.upstream.requests).toHaveLength(calls);
  });

  it("J2 fail's verdict same asks the same key again, and the first verdict wins", async () => {
    await using both = await bench([
      hooked({ fail: (_, attempt) => (attempt.index === 0 ? { then: "same" } : undefined) }, "first"),
      hooked({ fail: () => ({ then: "stop" }) }, "second"),
    ]);
    both.upstream.reply(status(500, {}), answer());
    expect((await both.proxy.chat({ model: "lab/m" })).status).toBe(200);
    expect(both.upstream.requests.map((request) => request.key)).toEqual(["one", "one"]);
  });

  const double = (event: StreamEvent): StreamEvent | readonly StreamEvent[] | undefined => {
    if (event.type !== "text-delta") return event;
    if (event.delta === "drop ") return undefined;
    return [event, { ...event, delta: event.delta.toUpperCase() }];
  };

  it.each([true, false])("J2 event turns one event into none or several (stream: %s)", async (stream) => {
    await using both = await bench([
      hooked({ event: double }, "double"),
      hooked(
        { event: (event) => (event.type === "text-delta" ? { ...event, delta: `${event.delta.trim()}.` } : event) },
        "dot",
      ),
    ]);
    both.upstream.always(answer({ text: ["drop ", "keep ", "me "] }));
    const response = await both.proxy.chat({ model: "lab/m", stream });
    const text = stream
      ? textOfEvents(await allEvents(response))
      : ((await response.json()) as { choices: { message: { content: string } }[] }).choices[0]?.message.content;
    // Whole, the upstream's text is one event; as a stream it comes in pieces.
    expect(text).toBe(stream ? "keep.KEEP.me.ME." : "drop keep me.DROP KEEP ME.");
  });

  it("J2 a filter's assignment of ctx.model sends the request elsewhere, and the bytes stay", async () => {
    await using both = await bench([hooked({ filter: (ctx) => void (ctx.model = "lab/other") })]);
    const response = await both.proxy.chat({ model: "no-such-model", seed: 1 });
    expect(response.status).toBe(200);
    await response.text();
    expect((await both.upstream.received(1)).json).toMatchObject({ model: "other", seed: 1 });
    expect((await both.proxy.recorded(1)).outcome.path).toBe("bytes");
  });

  it.each([true, false])(
    "J2 a filter's assignment of ctx.request is sent, off the byte path (stream: %s)",
    async (stream) => {
      await using both = await bench([
        hooked({
          filter(ctx) {
            const own = { role: "system", parts: [{ type: "text", text: "be brief" }] } as const;
            ctx.request = { ...ctx.request, messages: [own, ...ctx.request.messages], temperature: 0.25 };
          },
        }),
      ]);
      const response = await both.proxy.chat({ model: "lab/m", stream, seed: 5, own_field: { a: 1 } });
      expect(response.status).toBe(200);
      await response.text();
      const { json } = await both.upstream.received(1);
      expect(json).toMatchObject({ model: "m", temperature: 0.25, seed: 5, own_field: { a: 1 } });
      expect((json["messages"] as { role: string }[]).map((message) => message.role)).toEqual(["system", "user"]);
      expect((await both.proxy.recorded(1)).outcome.path).toBe("events");
    },
  );

  it("J2 reading ctx.request alone keeps the byte path", async () => {
    await using both = await bench([hooked({ filter: (ctx) => void ctx.request.messages.length })]);
    await (await both.proxy.chat({ model: "lab/m" })).text();
    expect((await both.proxy.recorded(1)).outcome.path).toBe("bytes");
  });
});
