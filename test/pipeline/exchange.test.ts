import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { definePlugin, defineProvider, type Plugin, type Rewriter } from "waygate";
import { allEvents, answer, chunk, cut, redirect, status, stream, textOfEvents } from "waygate/testing";
import { bench, readToEnd } from "../rules/_streams.ts";

const folder = new URL("../fixtures/openai-chat/", import.meta.url);
const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith(".response.json"))
  .map((name) => [name, readFileSync(new URL(name, folder), "utf8")] as const);

const odd =
  '\n{ "10":1,"2":2,\t"choices" : [ {"message":{"role":"assistant","content":"a\\u0062\\/"},"finish_reason":"stop"} ],' +
  '"big":12345678901234567890,"one":1.0,"a":1,"a":2,"usage":{"prompt_tokens":9007199254740993} }\n\n';

describe("a whole answer of the client's own protocol", () => {
  it.each([...fixtures, ["odd", odd] as const])("is given byte for byte: %s", async (_name, text) => {
    expect(fixtures.length).toBeGreaterThan(5);
    const { proxy, upstream } = await bench({ listen: true });
    upstream.reply(status(200, text, { "content-type": "application/json; charset=utf-8" }));
    const response = await proxy.chat({ model: "lab/m" });
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.text()).toBe(text);
    expect((await proxy.recorded(1)).outcome).toMatchObject({
      end: "complete",
      path: "bytes",
      bytes: Buffer.byteLength(text),
    });
  });
});

describe("what is no answer", () => {
  it.each([
    ["a redirect", redirect("http://127.0.0.1:1/elsewhere")],
    ["no content", status(204)],
    ["an empty body", status(200, "")],
    ["a page", status(200, "<html><body>please log in</body></html>")],
    ["half a body", cut(answer({ as: "json" }), 30, "complete")],
    ["a text", status(200, "ok")],
  ])("%s is followed by the next key, streamed or not", async (_name, step) => {
    for (const asked of [true, false]) {
      const { proxy, upstream } = await bench({ listen: true });
      upstream.when({ key: "k1" }, step);
      upstream.when({ key: "k2" }, answer({ text: "sane" }));
      const { text } = await readToEnd(await proxy.chat({ model: "lab/m", stream: asked }));
      expect(text).toContain("sane");
      const { ctx } = await proxy.recorded(1);
      expect(["upstream", "unknown"]).toContain(ctx.attempts[0]?.error?.kind);
    }
  });

  it("one record holds every failed attempt and the answer", async () => {
    const { proxy, upstream } = await bench({ lab: { keys: ["k1", "k2", "k3"] }, retry: { sameCredential: 0 } });
    upstream.when({ key: "k1" }, status(429, { error: { message: "slow down" } }, { "retry-after": "600" }));
    upstream.when({ key: "k2" }, stream([chunk({ role: "assistant" })], { noDone: true }));
    upstream.when({ key: "k3" }, answer({ text: "third" }));
    const events = await allEvents(await proxy.chat({ model: "lab/m", stream: true }));
    expect(textOfEvents(events)).toBe("third");
    const { outcome, ctx } = await proxy.recorded(1);
    expect(ctx.attempts.map(({ error, status: code }) => [code, error?.kind])).toEqual([
      [429, "rate_limited"],
      [200, "upstream"],
      [200, undefined],
    ]);
    expect(outcome.answeredBy).toBe(ctx.attempts[2]);
    expect(proxy.records).toHaveLength(1);
  });
});

/** A provider whose upstream wraps everything: `{"response": …}`. */
function wrapping(baseURL: string, message: Rewriter["message"]): Plugin {
  const provider = defineProvider({
    name: "wrapped",
    protocol: "openai-chat",
    models: ["m"],
    keyless: true,
    prepare: (wire) => ({ ...wire, url: baseURL + wire.url, headers: { "content-type": "application/json" } }),
    rewrite: () => ({
      message,
      body: (text) => (message({ data: text }) as { data: string }).data,
    }),
  });
  return definePlugin({ name: "wrapped", providers: [provider] });
}

describe("a provider's envelope", () => {
  const unwrap: Rewriter["message"] = (message) => {
    if (message.data === "ping") return undefined;
    const { response } = JSON.parse(message.data) as { response: object };
    return { data: JSON.stringify(response) };
  };
  const wrap = (value: object): object => ({ response: value });
  const body = {
    object: "chat.completion",
    choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
  };

  it("is taken off streams and whole answers", async () => {
    const { upstream } = await bench();
    const { proxy } = await bench({ plugins: [wrapping(upstream.url, unwrap)] });
    upstream.reply(
      stream(["ping", wrap(chunk({ content: "ok" })), "ping", wrap(chunk({}, { finish: "stop" }))], { noDone: true }),
      status(200, wrap(body)),
    );
    const events = await allEvents(await proxy.chat({ model: "wrapped/m", stream: true }));
    expect(textOfEvents(events)).toBe("ok");
    expect(await (await proxy.chat({ model: "wrapped/m" })).json()).toEqual(body);
    expect(proxy.records.map(({ outcome }) => [outcome.end, outcome.path])).toEqual([
      ["complete", "messages"],
      ["complete", "messages"],
    ]);
  });

  it("that is missing from an error leaves the error to be read", async () => {
    const { upstream } = await bench();
    const { proxy } = await bench({ plugins: [wrapping(upstream.url, unwrap)] });
    upstream.always(status(200, "no luck today"));
    const response = await proxy.chat({ model: "wrapped/m" });
    expect(response.status).toBe(502);
    expect((await proxy.recorded(1)).ctx.attempts[0]?.error?.kind).toBe("upstream");
  });

  it("that cannot be taken off in a stream is the upstream's fault, before content and after it", async () => {
    for (const before of [[], [wrap(chunk({ content: "ok" }))]]) {
      const { upstream } = await bench();
      const { proxy } = await bench({ plugins: [wrapping(upstream.url, unwrap)] });
      upstream.always(stream([...before, "{broken"], { noDone: true }));
      const response = await proxy.chat({ model: "wrapped/m", stream: true });
      expect(response.status).toBe(before.length > 0 ? 200 : 502);
      expect((await readToEnd(response)).text).toContain("upstream_error");
      expect((await proxy.recorded(1)).outcome).toMatchObject({ end: "upstream-failed", error: { kind: "upstream" } });
    }
  });
});
