/** Rules F1 to F3: signatures and sealed reasoning on their way through the proxy and back. */
import { describe, expect, it } from "vitest";
import { carry } from "waygate/plugins/carry";
import { mixed, type Sent } from "../pipeline/_mixed.ts";
import { wires } from "../sdk/_upstreams.ts";

const user = (content: unknown) => ({ role: "user", content });
const weather = { id: "call_w1", name: "weather", args: { city: "Oslo" } };

describe("F1", () => {
  const ask = (messages: readonly object[], model: string) => ({
    model,
    max_tokens: 4000,
    thinking: { type: "enabled", budget_tokens: 2000 },
    messages,
  });

  it("F1 a signature returns byte for byte to the provider that minted it", async () => {
    const { post, sent } = await mixed({ claude: "anthropic" }, { turn: { reasoning: "I think", text: "so" } });
    const first = await post("/v1/messages", ask([user("hi")], "claude/m"));
    const content = first.json["content"] as unknown as object[];
    await post("/v1/messages", ask([user("hi"), { role: "assistant", content }, user("on")], "claude/m"));
    expect(sent("claude")["messages"]?.[1]?.["content"]).toEqual(content);
  });

  it.each(["whole", "streamed"])(
    "F1 a signature is stripped for another provider of the same protocol (%s), on fallback too",
    async (how) => {
      const { post, sent, upstreams } = await mixed(
        { one: "anthropic", two: "anthropic" },
        { turn: { reasoning: "I think", text: "so" }, models: { any: ["one/m", "two/m"] } },
      );
      const stream = how === "streamed";
      const first = await post("/v1/messages", { ...ask([user("hi")], "any"), stream });
      expect(first.headers.get("x-waygate-provider")).toBe("one");
      const signature = /"signature":"([^"]{5,})"/.exec(first.text)?.[1];
      const content = [
        { type: "thinking", thinking: "I think", signature },
        { type: "text", text: "so" },
      ];
      const next = ask([user("hi"), { role: "assistant", content }, user("on")], "any");
      upstreams["one"]?.always(wires.anthropic.refuses(529, "overloaded"));
      const second = await post("/v1/messages", next);
      expect(second.headers.get("x-waygate-provider")).toBe("two");
      expect(upstreams["one"]?.requests.at(-1)?.body).toContain(signature);
      expect(upstreams["two"]?.requests.at(-1)?.body).not.toContain(signature);
      expect(sent("two")["messages"]?.[1]?.["content"]).toMatchObject([{ type: "text", text: "so" }]);
    },
  );

  it("F1 sealed reasoning of one protocol never reaches an upstream of another, and comes back to its own", async () => {
    const { post, upstreams } = await mixed(
      { gpt: "openai-responses", claude: "anthropic" },
      { turn: { reasoning: "I think", text: "so" } },
    );
    const first = await post("/v1/messages", ask([user("hi")], "gpt/m"));
    const content = first.json["content"] as unknown as object[];
    const wrapped = /"signature":"(px1\.openai-responses\.gpt\.[^"]+)"/.exec(first.text)?.[1];
    expect(wrapped).toBeDefined();
    const minted = wrapped?.split(".").slice(3).join(".") ?? "none";
    const next = [user("hi"), { role: "assistant", content }, user("on")];
    await post("/v1/messages", ask(next, "claude/m"));
    expect(upstreams["claude"]?.requests.at(-1)?.body).not.toContain("px1.");
    expect(upstreams["claude"]?.requests.at(-1)?.body).not.toContain(minted);
    await post("/v1/messages", ask(next, "gpt/m"));
    expect(upstreams["gpt"]?.requests.at(-1)?.body).toContain(`"encrypted_content":"${minted}"`);
  });

  it("F1 among equals the provider that can read the signatures is asked", async () => {
    const { post } = await mixed(
      { claude: "anthropic", gpt: "openai-responses" },
      { turn: { reasoning: "I think", text: "so" } },
    );
    // A bare name that both list: neither is preferred.
    const first = await post("/v1/messages", ask([user("hi")], "gpt/m"));
    const content = first.json["content"] as unknown as object[];
    const next = await post("/v1/messages", ask([user("hi"), { role: "assistant", content }, user("on")], "m"));
    expect(next.headers.get("x-waygate-provider")).toBe("gpt");
  });
});

describe("F2", () => {
  const signed = { text: "", calls: [weather] };
  const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }];
  const first = { model: "g/m", tools, messages: [user("hi")] };
  const back = (call: Sent) => ({
    ...first,
    messages: [
      user("hi"),
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: call["id"], content: "rain" },
    ],
  });
  const signatureOf = (body: Sent): string | undefined =>
    /"thoughtSignature":"([^"]+)"/.exec(JSON.stringify(body["contents"]))?.[1];

  it("F2 a thought signature comes back with the tool call of a chat client that keeps what it does not know (report 40)", async () => {
    const { post, sent, upstreams } = await mixed({ g: "gemini" }, { turn: signed });
    const answer = await post("/v1/chat/completions", first);
    const call = answer.json["choices"]?.[0]?.["message"]?.["tool_calls"]?.[0] as Sent;
    expect(JSON.stringify(call)).toContain("px1.gemini.g.");
    await post("/v1/chat/completions", back(call));
    const minted = upstreams["g"] && (await mintedBy());
    expect(signatureOf(sent("g"))).toBe(minted);
  });

  it.each([
    ["whole", false],
    ["streamed", true],
  ])("F2 carry() keeps it for a chat client that drops it (%s) (report 40)", async (_, stream) => {
    const { post, sent, proxy } = await mixed({ g: "gemini" }, { turn: signed, plugins: [carry()] });
    const answer = await post("/v1/chat/completions", { ...first, stream });
    await proxy.recorded(1);
    const id = /"id":"(?!chatcmpl)([^"]+)","type":"function"/.exec(answer.text)?.[1];
    const plain = { id, type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } };
    await post("/v1/chat/completions", back(plain as unknown as Sent));
    expect(signatureOf(sent("g"))).toBe(await mintedBy());
  });

  it("F2 what carry() keeps has an end", async () => {
    const { post, sent, proxy } = await mixed({ g: "gemini" }, { turn: signed, plugins: [carry({ ttl: 0 })] });
    const answer = await post("/v1/chat/completions", first);
    await proxy.recorded(1);
    const call = answer.json["choices"]?.[0]?.["message"]?.["tool_calls"]?.[0];
    await post("/v1/chat/completions", back({ ...(call as object), extra_content: undefined } as unknown as Sent));
    expect(signatureOf(sent("g"))).not.toBe(await mintedBy());
  });

  /** The signature the scripted upstream gives to its calls. */
  async function mintedBy(): Promise<string | undefined> {
    const { post } = await mixed({ g: "gemini" }, { turn: signed });
    const { text } = await post("/v1beta/models/g/m:generateContent", {
      contents: [{ role: "user", parts: [{ text: "hi" }] }],
    });
    return /"thoughtSignature":"([^"]+)"/.exec(text)?.[1];
  }
});

describe("F3", () => {
  it.each(["anthropic", "gemini", "openai-responses"] as const)(
    "F3 thinking, tools and a stream together give all three, from %s",
    async (protocol) => {
      const { post } = await mixed(
        { up: protocol },
        { turn: { reasoning: "I think", text: "let me see", calls: [weather] } },
      );
      const { text } = await post("/v1/chat/completions", {
        model: "up/m",
        stream: true,
        reasoning_effort: "high",
        tools: [{ type: "function", function: { name: "weather", parameters: { type: "object", properties: {} } } }],
        messages: [user("hi")],
      });
      const deltas = text
        .split("\n\n")
        .filter((line) => line.startsWith("data: {"))
        .map((line) => (JSON.parse(line.slice(6)) as Sent)["choices"]?.[0]?.["delta"] as Sent | undefined);
      const all = (field: string): string => deltas.map((delta) => delta?.[field] ?? "").join("");
      expect(all("reasoning_content")).toBe("I think");
      expect(all("content")).toBe("let me see");
      const input = deltas.map((delta) => delta?.["tool_calls"]?.[0]?.["function"]?.["arguments"] ?? "").join("");
      expect(JSON.parse(input)).toEqual({ city: "Oslo" });
      expect(text).toContain('"finish_reason":"tool_calls"');
    },
  );
});
