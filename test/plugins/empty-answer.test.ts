import { describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { emptyAnswer } from "waygate/plugins/empty-answer";
import { resilience } from "waygate/plugins/resilience";
import { answer, chunk, gate, raw, status, type Step, stream } from "waygate/testing";
import { mixed, type Mixed, type MixedOptions } from "../pipeline/_mixed.ts";
import { inTurn, lab } from "../rules/_lab.ts";
import { wires } from "../sdk/_upstreams.ts";
import type { ProtocolId, Turn } from "../sdk/wire/types.ts";

const protocols = ["openai-chat", "openai-responses", "anthropic", "gemini"] as const;
const clients = ["openai-chat", "anthropic"] as const;
const forms = protocols.flatMap((protocol) =>
  clients.flatMap((client) => [false, true].map((streamed) => [protocol, client, streamed] as const)),
);
const nothing = [{}, { text: "" }] as const;

function request(client: ProtocolId, streamed: boolean): readonly [path: string, body: object] {
  const body = { model: "up/m", messages: [{ role: "user", content: "hi" }], stream: streamed };
  return client === "anthropic" ? ["/v1/messages", { ...body, max_tokens: 99 }] : ["/v1/chat/completions", body];
}

/** The first call says nothing, every later one speaks. */
async function silentOnce(protocol: ProtocolId, first: Turn | Step, options: MixedOptions = {}): Promise<Mixed> {
  const setup = await mixed(
    { up: protocol },
    { plugins: [emptyAnswer()], keys: ["k1", "k2"], retry: { sameCredential: 0 }, ...options },
  );
  const step = typeof first === "function" ? first : wires[protocol].says(first as Turn);
  setup.upstreams["up"]!.when((received) => received.index === 0, step);
  return setup;
}

const attempts = ({ headers }: { readonly headers: Headers }): string | null => headers.get("x-waygate-attempts");

describe("an answer that says nothing", () => {
  it.each(forms)(
    "A19 of %s for a client of %s (streamed: %s) is followed by the next key (report 31)",
    async (up, client, is) => {
      for (const turn of nothing) {
        const setup = await silentOnce(up, turn);
        const reply = await setup.post(...request(client, is));
        expect([reply.status, attempts(reply)]).toEqual([200, "2"]);
        expect(reply.text).toMatch(/hello[^]*there/);
        const { ctx, outcome } = await setup.proxy.recorded(1);
        expect(outcome.end).toBe("complete");
        expect(ctx.attempts[0]!.error).toMatchObject({ kind: "upstream", details: { empty: true } });
        expect(ctx.attempts[0]!.committed).toBe(false);
      }
    },
  );

  it.each(forms)(
    "A19 of %s for a client of %s (streamed: %s) with a call or a thought is an answer",
    async (up, client, is) => {
      for (const turn of [{ calls: [{ id: "call_1", name: "look", args: {} }] }, { reasoning: "hm" }]) {
        const setup = await silentOnce(up, turn);
        const reply = await setup.post(...request(client, is));
        expect([reply.status, attempts(reply)]).toEqual([200, "1"]);
      }
    },
  );

  it("A19 is what the model means when it comes twice, and then costs nobody anything", async () => {
    for (const streamed of [false, true]) {
      const silent = streamed ? stream([chunk({}, { finish: "stop" })]) : answer({ text: "" });
      await using bench = await lab({ plugins: [cooldown(), emptyAnswer()], upstream: silent });
      for (let round = 0; round < 3; round++) {
        const response = await bench.finish(bench.proxy.chat({ model: "lab/m", stream: streamed }));
        expect([response.status, attempts(response)]).toEqual([200, "2"]);
        expect(bench.proxy.records.at(-1)!.outcome.end).toBe("complete");
      }
      expect(bench.rests()).toEqual([]);
    }
  });

  it("A19 is asked of the same key again where there is no other, and of another model where the key is tried", async () => {
    const silent = (count: number): Step =>
      inTurn(...Array.from({ length: count }, () => answer({ text: "" })), answer());
    await using one = await lab({
      providers: { lab: ["a"] },
      plugins: [cooldown(), emptyAnswer()],
      upstream: silent(1),
      retry: { sameCredential: 0 },
    });
    expect([(await one.ask()).status, one.asked(), one.rests()]).toEqual([200, "a a", []]);
    await using two = await lab({
      providers: { lab: ["a"], other: ["x"] },
      plugins: [cooldown(), emptyAnswer({ retries: 3 })],
      models: { smart: ["lab/m", "other/m"] },
      upstream: silent(2),
    });
    expect([(await two.ask("smart")).status, two.asked()]).toEqual([200, "a x x"]);
  });

  it("A19 is given where nobody is left to ask in time", async () => {
    await using bench = await lab({
      plugins: [emptyAnswer({ retries: 9 })],
      upstream: answer({ text: "" }),
      retry: { attempts: 2 },
    });
    const reply = await bench.ask();
    expect([reply.status, attempts(reply)]).toEqual([200, "2"]);
  });

  it.each(["length", "content_filter"])("A19 because of %s is no fault", async (finish) => {
    for (const streamed of [false, true]) {
      await using bench = await lab({ plugins: [emptyAnswer()], upstream: answer({ text: "", finish }) });
      const reply = await bench.finish(bench.proxy.chat({ model: "lab/m", stream: streamed }));
      expect([reply.status, attempts(reply)]).toEqual([200, "1"]);
    }
  });

  it("A19 may be a stream of its terminator alone, and one that stays open after its finish", async () => {
    const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    const done = await silentOnce("openai-chat", () => raw([`${head}data: [DONE]\n\n`]));
    expect(attempts(await done.post(...request("openai-chat", true)))).toBe("2");
    const open = stream([chunk({ role: "assistant", content: "" }), chunk({}, { finish: "stop" }), gate()]);
    await using bench = await lab({ plugins: [emptyAnswer()], upstream: inTurn(open, answer()) });
    const reply = await bench.finish(bench.proxy.chat({ model: "lab/m", stream: true }));
    expect([reply.status, reply.text.includes("ok"), attempts(reply)]).toEqual([200, true, "2"]);
  });

  it("A19 is an answer without the policy, with other models, and where the preset is told so", async () => {
    for (const plugins of [[], [emptyAnswer({ models: ["other*"] })], [resilience({ emptyAnswer: false })]]) {
      const setup = await silentOnce("openai-chat", { text: "" }, { plugins });
      expect(attempts(await setup.post(...request("openai-chat", true)))).toBe("1");
    }
    const setup = await silentOnce("openai-chat", { text: "" }, { plugins: [resilience()] });
    expect(attempts(await setup.post(...request("openai-chat", true)))).toBe("2");
  });

  it("delays no stream: its first content is sent before anything else has come", async () => {
    const door = gate();
    await using bench = await lab({
      plugins: [emptyAnswer()],
      upstream: stream([chunk({ content: "a" }), door, chunk({ content: "b" }, { finish: "stop" })]),
    });
    const response = await bench.proxy.chat({ model: "lab/m", stream: true });
    const { value } = await response.body!.getReader().read();
    expect(Buffer.from(value!).toString()).toContain('"a"');
    door.open();
  });

  it("a number of retries that is none is said at the start", async () => {
    await expect(lab({ plugins: [emptyAnswer({ retries: 0 })], upstream: status(500) })).rejects.toThrow(
      /retries is 0/,
    );
  });
});
