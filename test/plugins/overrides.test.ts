import { describe, expect, it } from "vitest";
import { definePlugin } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { overrides, type OverrideRule } from "waygate/plugins/overrides";
import { answer, createTestProxy, createUpstream, type ScriptRequest } from "waygate/testing";

/** What the upstream is sent for a request in this text. */
async function sent(
  rules: OverrideRule | readonly OverrideRule[],
  body: string,
  { path = "/v1/chat/completions", protocol = "openai-chat" as "openai-chat" | "gemini", who = "mia" } = {},
): Promise<ScriptRequest> {
  await using upstream = await createUpstream();
  upstream.always(answer({ text: "ok" }));
  await using proxy = await createTestProxy({
    plugins: [
      definePlugin({ name: "who", hooks: { auth: () => ({ id: "key:1", label: who }) } }),
      openaiCompatible({
        name: "lab",
        baseURL: `${upstream.url}/v1`,
        keys: ["a"],
        models: ["m"],
        headers: { "x-fixed": "lab" },
        protocol,
      }),
      overrides(rules),
    ],
  });
  const response = await proxy.fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body });
  await response.text();
  return upstream.requests[0]!;
}

const chat =
  '{ "model": "lab/m", "n": 1.0, "seed": 12345678901234567890, "messages": [{"role":"user","content":"hi"}] }';

describe("overrides()", () => {
  it("sets, presets and removes fields, and leaves everything else byte for byte", async () => {
    const { body } = await sent(
      { body: { set: { temperature: 0.5, "a.b": [1] }, default: { n: 3, top_p: 0.9 }, remove: ["seed", "none"] } },
      chat,
    );
    expect(body).toBe(
      '{ "model": "m", "n": 1.0, "messages": [{"role":"user","content":"hi"}],"top_p":0.9,"temperature":0.5,"a":{"b":[1]} }',
    );
  });

  it("touches nothing where no rule fits", async () => {
    const rules = [{ models: "other/*" }, { users: "uli" }, { protocols: "anthropic" }].map((who) => ({
      ...who,
      body: { set: { seed: 1 } },
    }));
    expect((await sent(rules, chat)).body).toBe(chat.replace("lab/m", "m"));
  });

  it("goes by model, provider, client and protocol; later rules win", async () => {
    const { json } = await sent(
      [
        { models: "lab/*", body: { set: { a: 1, b: 1, c: 1, d: 1 } } },
        { models: ["x", "M"], body: { set: { b: 2 } } },
        { users: "m*", body: { set: { c: 2 } } },
        { users: "key:*", protocols: "openai-*", body: { set: { d: 2 }, default: { a: 9 } } },
      ],
      chat,
    );
    expect(json).toMatchObject({ a: 1, b: 2, c: 2, d: 2 });
  });

  it("names fields in the words of the upstream's protocol", async () => {
    const rule = { protocols: "gemini", body: { set: { "generationConfig.topK": 5 } } };
    const { json } = await sent(rule, chat, { protocol: "gemini" });
    expect(json).toMatchObject({ generationConfig: { topK: 5 } });
  });

  it("sets, presets and removes headers, but never those of the provider itself", async () => {
    const { headers } = await sent(
      { headers: { set: { "X-Team": "a b", "x-fixed": "mine" }, default: { "x-team": "no" }, remove: ["user-agent"] } },
      chat,
    );
    expect(headers).toMatchObject({ "x-team": "a b", "x-fixed": "lab", authorization: "Bearer a" });
  });

  it("leaves the bodies of embeddings alone", async () => {
    const embeds = '{"model":"lab/m","input":"x"}';
    const { body, headers } = await sent(
      { body: { set: { temperature: 1 } }, headers: { set: { "x-team": "a" } } },
      embeds,
      { path: "/v1/embeddings" },
    );
    expect([body, headers["x-team"]]).toEqual(['{"model":"m","input":"x"}', "a"]);
  });

  it.each<[OverrideRule, RegExp]>([
    [{ body: { set: { model: "x" } } }, /"model" cannot be overridden/],
    [{ body: { remove: ["stream"] } }, /"stream" cannot/],
    [{ body: { default: { "a..b": 1 } } }, /between two dots/],
    [{ headers: { set: { Authorization: "x" } } }, /provider's key/],
    [{ headers: { remove: ["Host"] } }, /connection/],
    [{ headers: { set: { "x y": "1" } } }, /no name of a header/],
    [{ headers: { set: { x: "1\r\ny: 2" } } }, /cannot be sent/],
    [{ headers: { default: { x: "ł" } } }, /cannot be sent/],
  ])("%j does not start", (rule, why) => {
    expect(() => overrides(rule)).toThrow(why);
  });
});
