/** Rule B5: a client that waits for a stream hears that it lives. */
import { describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { answer, chunk, gate, later, pause, scripted, status, type Step, stream, virtualClock } from "waygate/testing";
import { mixed } from "../pipeline/_mixed.ts";
import { wires } from "../sdk/_upstreams.ts";
import { bench, readToEnd, virtualBench } from "./_streams.ts";

const text = [chunk({ content: "late" }), chunk({}, { finish: "stop" })];
const late = (ms: number): Step => stream([pause(ms), ...text]);
const asked = { model: "lab/m", stream: true };
const sign = ": keep-alive\n\n";
const body = text.map((each) => `data: ${JSON.stringify(each)}\n\n`).join("") + "data: [DONE]\n\n";

describe("before the first event", () => {
  it("B5 a comment comes every fifteen seconds, and then the answer as it is", async () => {
    const { proxy, clock } = await virtualBench(scripted(late(50_000)));
    const asking = proxy.chat(asked);
    await clock.advance(14_000);
    let response: Response | undefined;
    void asking.then((given) => (response = given));
    await clock.advance(999);
    expect(response).toBeUndefined();
    await clock.advance(1);
    expect(response?.status).toBe(200);
    expect(response?.headers.get("content-type")).toContain("text/event-stream");
    expect(response?.headers.get("x-request-id")).toBeTruthy();
    const reading = readToEnd(response!);
    await clock.advance(60_000);
    expect(await reading).toEqual({ text: sign.repeat(3) + body, broke: undefined });
    const { outcome } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "complete", status: 200, path: "bytes", bytes: body.length });
  });

  it("B5 an answer that begins in time has its status, its headers and no comment", async () => {
    const { proxy, clock } = await virtualBench(scripted(late(14_000)));
    const asking = proxy.chat(asked);
    await clock.advance(14_000);
    const response = await asking;
    expect(response.headers.get("x-waygate-provider")).toBe("lab");
    const reading = readToEnd(response);
    await clock.advance(60_000);
    expect((await reading).text).toBe(body);
  });

  it("B5 server.keepAlive sets the time, and 0 turns it off", async () => {
    for (const [keepAlive, signs] of [
      [1000, 4],
      [0, 0],
    ] as const) {
      const { proxy, clock } = await virtualBench(scripted(late(4500)), { server: { keepAlive } });
      const reading = proxy.chat(asked).then(readToEnd);
      await clock.advance(10_000);
      expect((await reading).text).toBe(sign.repeat(signs) + body);
    }
  });

  it("B5 retries and the wait for a busy key are waited for as well", async () => {
    const hold = gate();
    const { proxy, clock } = await virtualBench(
      scripted((request) =>
        request.index === 0 ? stream([text[0]!, hold, text[1]!]) : request.index === 1 ? status(503) : stream(text),
      ),
      { lab: { keys: ["k1"], concurrency: 1 }, retry: { queueWait: 60_000 } },
    );
    const first = proxy.chat(asked).then(readToEnd);
    await clock.advance(0);
    const second = proxy.chat(asked).then(readToEnd);
    await clock.advance(31_000);
    hold.open();
    await clock.advance(1000);
    expect((await first).text.replaceAll(sign, "")).toBe(body);
    expect((await second).text).toBe(sign.repeat(2) + body);
  });

  it("B5 a failure after the first comment is an error of the stream, and is recorded as one", async () => {
    const failing = later(status(500, { error: { message: "boom" } }), pause(20_000));
    const { proxy, clock } = await virtualBench(scripted(failing), {
      plugins: [cooldown()],
      retry: { attempts: 2, sameCredential: 0 },
    });
    const asking = proxy.chat(asked);
    await clock.advance(20_000);
    const response = await asking;
    expect(response.status).toBe(200);
    const reading = readToEnd(response);
    await clock.advance(60_000);
    const { text: said } = await reading;
    expect(said.startsWith(sign)).toBe(true);
    const last = JSON.parse(said.trim().split("\n\n").at(-1)!.replace("data: ", "")) as { error: object };
    expect(last.error).toMatchObject({ code: "upstream_error", type: "server_error" });
    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "upstream-failed", status: 200 });
    expect(outcome.error?.code).toBe("upstream_error");
    expect(ctx.attempts).toHaveLength(2);
  });

  it("B5 an answer in whole gets none", async () => {
    const { proxy, clock } = await virtualBench(scripted(later(answer(), pause(40_000))));
    const asking = proxy.chat({ model: "lab/m" });
    await clock.advance(40_000);
    const response = await asking;
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toHaveProperty("choices");
  });

  it("B5 a client that leaves between two comments ends the call, and blames nobody", async () => {
    const { proxy, clock } = await virtualBench(scripted(late(50_000)), { plugins: [cooldown()] });
    const asking = proxy.chat(asked);
    await clock.advance(15_000);
    const response = await asking;
    const reader = response.body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe(sign);
    await reader.cancel();
    await clock.advance(0);
    const { outcome, ctx } = await proxy.recorded(1);
    expect(outcome).toMatchObject({ end: "client-aborted", status: 200 });
    expect(ctx.attempts[0]?.error?.kind).toBe("aborted");
    expect(proxy.app.credentials.inFlight(ctx.attempts[0]!.credential.id)).toBe(0);
    expect(clock.pending).toBe(0);
  });
});

describe("in the middle", () => {
  const [content, finish] = text.map((each) => `data: ${JSON.stringify(each)}\n\n`);

  it("B5 an answer that falls silent is kept alive between its events, and one that flows is left alone", async () => {
    const frames = [text[0]!, pause(10_000), text[0]!, pause(10_000), text[0]!, pause(50_000), text[1]!];
    const { proxy, clock } = await virtualBench(scripted(stream(frames)));
    const reading = proxy.chat(asked).then(readToEnd);
    await clock.advance(80_000);
    const said = (await reading).text;
    expect(said.replaceAll(sign, "")).toBe(content!.repeat(3) + finish! + "data: [DONE]\n\n");
    expect(said.split(sign)).toHaveLength(3);
    expect(said.slice(0, said.indexOf(sign))).toBe(content!.repeat(3));
    const { outcome } = await proxy.recorded(1);
    expect(outcome.bytes).toBe(said.replaceAll(sign, "").length);
    expect(clock.pending).toBe(0);
  });

  it("B5 signs of life do not count as the upstream's: it is still too slow", async () => {
    const { proxy, clock } = await virtualBench(scripted(stream([text[0]!, gate()])), { timeouts: { idle: 60_000 } });
    const reading = proxy.chat(asked).then(readToEnd);
    await clock.advance(60_000);
    expect((await reading).text).toMatch(/: keep-alive\n\ndata: \{"error":/);
    expect((await proxy.recorded(1)).outcome.error?.kind).toBe("timeout");
    expect(clock.pending).toBe(0);
  });
});

it("B5 over a socket the comment reaches the client while it waits, and leaving then closes the upstream", async () => {
  const hold = gate();
  const { proxy, upstream } = await bench({ listen: true, server: { keepAlive: 20 } });
  upstream.reply(stream([hold, ...text]));
  const response = await proxy.chat(asked);
  const reader = response.body!.getReader();
  const signs = Buffer.from((await reader.read()).value!).toString();
  expect(signs.replaceAll(sign, "")).toBe("");
  hold.open();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    rest += Buffer.from(value).toString();
  }
  expect(rest.replaceAll(sign, "")).toBe(body);

  const closed = gate();
  upstream.reply(stream([closed, ...text]));
  const left = new AbortController();
  const second = await proxy.chat(asked, { signal: left.signal });
  await second.body!.getReader().read();
  left.abort();
  await upstream.received(2);
  expect(await upstream.requests.at(-1)!.closed).toBe("client");
  const { outcome } = await proxy.recorded(2);
  expect(outcome.end).toBe("client-aborted");
});

const clients = {
  "openai-chat": ["/v1/chat/completions", { messages: [{ role: "user", content: "hi" }], stream: true }, sign],
  "openai-responses": ["/v1/responses", { input: "hi", stream: true }, sign],
  anthropic: [
    "/v1/messages",
    { messages: [{ role: "user", content: "hi" }], max_tokens: 100, stream: true },
    'event: ping\ndata: {"type": "ping"}\n\n',
  ],
  gemini: [
    "/v1beta/models/up/m:streamGenerateContent?alt=sse",
    { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
    "\n\n",
  ],
  "gemini's array": [
    "/v1beta/models/up/m:streamGenerateContent",
    { contents: [{ role: "user", parts: [{ text: "hi" }] }] },
    "",
  ],
} as const;

it.each(Object.entries(clients))(
  "B5 a client of %s gets the sign its protocol allows",
  async (_name, [path, json, own]) => {
    const clock = virtualClock();
    const { proxy, upstreams } = await mixed({ up: "openai-chat" }, { runtime: { clock } });
    const hold = gate();
    upstreams["up"]!.always(later(wires["openai-chat"].says({ text: "hello" }), hold));
    const asking = proxy.fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "up/m", ...json }),
    });
    await upstreams["up"]!.received(1);
    await clock.advance(15_000);
    if (own === "") hold.open();
    const response = await asking;
    const reading = readToEnd(response);
    await clock.advance(15_000);
    hold.open();
    const { text: said } = await reading;
    expect(said.startsWith(own.repeat(own === "" ? 1 : 2))).toBe(true);
    expect(said.slice(2 * own.length)).toContain("hello");
    if (own === "") JSON.parse(said);
  },
);
