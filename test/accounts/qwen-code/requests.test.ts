import { describe, expect, test, vi } from "vitest";
import { qwenCode } from "waygate/plugins/qwen-code";
import { createUpstream } from "waygate/testing";
import { lab, settings, type QwenLab } from "./_lab.ts";
import { listOf, refusals } from "./_qwen.ts";

type Fields = { readonly [name: string]: unknown };

const sent = (it: QwenLab): Fields => it.qwen.asked.at(-1)!.json;
const user = { role: "user", content: "hello" };
const system = (text: string): Fields => ({
  role: "system",
  content: [{ type: "text", text, cache_control: { type: "ephemeral" } }],
});
const tool = (parameters: unknown, more: Fields = {}): Fields => ({
  type: "function",
  function: { name: "get_weather", description: "Tells the weather.", parameters, ...more },
});

describe("what is sent", () => {
  test("fields the service refuses are left out, and max_tokens has its old name", async () => {
    await using it = await lab();
    const { status } = await it.ask({
      max_completion_tokens: 50,
      temperature: 0.1,
      reasoning_effort: "high",
      store: true,
      user: "me",
      parallel_tool_calls: false,
      logprobs: false,
    });
    expect(status).toBe(200);
    expect(Object.keys(sent(it)).sort()).toEqual(["max_tokens", "messages", "model", "temperature", "tools"]);
    expect(sent(it)).toMatchObject({ model: "qwen3-coder-plus", max_tokens: 50 });
  });

  test("streams ask for usage, with or without the client", async () => {
    await using it = await lab();
    await it.ask({ stream: true });
    expect(sent(it)).toMatchObject({ stream: true, stream_options: { include_usage: true } });
  });

  test("there is one system message, the first, made of all of them", async () => {
    await using it = await lab();
    const { status } = await it.ask({
      messages: [
        user,
        { role: "system", content: "Be kind." },
        { role: "assistant", content: "yes" },
        { role: "developer", content: [{ type: "text", text: "Be short." }] },
        user,
      ],
    });
    expect(status).toBe(200);
    const { messages } = sent(it);
    expect(messages).toEqual([system("Be kind.\n\nBe short."), user, { role: "assistant", content: "yes" }, user]);
  });

  test("there is an empty one where the client has none, unless that is switched off", async () => {
    await using it = await lab();
    await it.ask();
    expect(sent(it)["messages"]).toEqual([system(""), user]);
    await using other = await lab({ qwen: { oneSystemMessage: false } });
    await other.ask();
    expect(sent(other)["messages"]).toEqual([user]);
  });

  test("glm models without tools get texts, and pictures stay what they are", async () => {
    await using it = await lab();
    const parts = [{ type: "text", text: "hello" }];
    const picture = [...parts, { type: "image_url", image_url: { url: "https://example.com/a.png" } }];
    const messages = [
      { role: "system", content: "Be kind." },
      { role: "user", content: parts },
      { role: "user", content: picture },
    ];
    await it.ask({ model: "qwen_code/glm-4.7", messages });
    expect(sent(it)["messages"]).toEqual([messages[0], user, messages[2]]);
  });

  test("schemas of tools lose strict and additionalProperties wherever they stand, and nothing else", async () => {
    await using it = await lab();
    const inner = { type: "object", properties: { x: { type: "integer" } }, additionalProperties: false, strict: true };
    const parameters = {
      type: "object",
      $defs: { place: inner },
      properties: {
        strict: { type: "boolean", description: "named like a word" },
        additionalProperties: { type: "string", default: { additionalProperties: 1 } },
        list: { type: "array", items: inner, minItems: 1 },
        any: { anyOf: [inner, { type: "null" }] },
      },
      required: ["strict"],
      additionalProperties: { type: "string" },
    };
    const { status } = await it.ask({ tools: [tool(parameters, { strict: true })] });
    expect(status).toBe(200);
    const plain = { type: "object", properties: { x: { type: "integer" } } };
    expect(listOf(sent(it)["tools"])).toEqual([
      tool({
        type: "object",
        $defs: { place: plain },
        properties: {
          strict: parameters.properties.strict,
          additionalProperties: parameters.properties.additionalProperties,
          list: { type: "array", items: plain, minItems: 1 },
          any: { anyOf: [plain, { type: "null" }] },
        },
        required: ["strict"],
      }),
    ]);
  });

  test("models that break without tools get one that does nothing, and no tool_choice (reports 42, 48)", async () => {
    await using it = await lab();
    for (const tools of [undefined, []]) {
      const { json } = await it.ask({ ...(tools && { tools, tool_choice: "auto" }) });
      expect(json.choices[0].message["content"]).not.toContain("�");
      expect(listOf(sent(it)["tools"]).map((each) => (each["function"] as Fields)["name"])).toEqual(["do_not_call_me"]);
      expect(sent(it)).not.toHaveProperty("tool_choice");
    }
    await it.ask({ model: "qwen_code/vision-model" });
    expect(sent(it)).not.toHaveProperty("tools");
  });

  test("the tool that does nothing can be switched off, and on for all models (report 48)", async () => {
    await using off = await lab({ qwen: { injectDummyTool: false } });
    expect((await off.ask()).json.choices[0].message["content"]).toContain("�");
    await using on = await lab({ qwen: { injectDummyTool: true } });
    await on.ask({ model: "qwen_code/vision-model" });
    expect(listOf(sent(on)["tools"])).toHaveLength(1);
  });

  test("headers say how the account was signed in to, and imitate nothing; options change them", async () => {
    await using it = await lab();
    await it.ask();
    const { headers } = it.qwen.asked[0]!;
    expect(headers["user-agent"]).toMatch(/^waygate\//);
    expect(headers).toMatchObject({ "x-dashscope-authtype": "qwen-oauth", "x-dashscope-cachecontrol": "enable" });
    expect(Object.keys(headers).filter((name) => /stainless|sec-fetch|accept-language/.test(name))).toEqual([]);
    await using other = await lab({
      qwen: { headers: { "User-Agent": "QwenCode/0.14.2 (linux; x64)", "X-Dashscope-CacheControl": "disable" } },
    });
    await other.ask();
    expect(other.qwen.asked[0]!.headers).toMatchObject({
      "user-agent": "QwenCode/0.14.2 (linux; x64)",
      "x-dashscope-cachecontrol": "disable",
    });
  });
});

describe("where it is sent", () => {
  test("the account's own host is asked, else the provider's", async () => {
    await using it = await lab({ qwen: { baseURL: "http://127.0.0.1:9/v1" } });
    expect((await it.ask()).status).toBe(200);
    await using other = await lab({
      accounts: (qwen) => [{ ...qwen.signedIn("a@example.com"), resource_url: "" }],
    });
    expect((await other.ask()).status).toBe(200);
  });

  test("a host that is not the service's gets no token, and the reason is told (report 55)", async () => {
    await using it = await lab({
      accounts: (qwen) => [{ ...qwen.signedIn("a@example.com"), resource_url: "evil.example.com" }],
      qwen: { startCheck: false },
    });
    it.qwen.modes.resource = "https://evil.example.com";
    const [before] = await it.kept();
    expect((await it.ask()).status).toBe(503);
    const [rest] = it.proxy.app.credentials.rests();
    expect(rest?.rest).toMatchObject({
      state: "invalid",
      reason: expect.stringMatching(/evil\.example\.com.*allowedHosts/),
    });
    expect(await it.kept()).toEqual([before]);
    expect(it.qwen.asked).toEqual([]);
  });

  test("keys go to the provider's address and accounts to theirs, side by side (report 55)", async () => {
    await using paid = await createUpstream();
    await using it = await lab({ qwen: { keys: ["paid-key-of-somebody"], baseURL: paid.url } });
    expect(it.proxy.app.credentials.list("qwen_code")).toHaveLength(2);
    // It rests after the first request, so that both are asked.
    it.qwen.modes.refuse.set("a@example.com", refusals.rate());
    for (let turn = 0; turn < 4; turn++) expect((await it.ask()).status).toBe(200);
    expect(new Set(it.qwen.asked.map(({ key }) => key?.slice(0, 8)))).toEqual(new Set(["fake-acc"]));
    expect(new Set(paid.requests.map(({ key }) => key))).toEqual(new Set(["paid-key-of-somebody"]));
    expect(paid.requests[0]!.headers).not.toHaveProperty("x-dashscope-authtype");
  });

  test("keys come from QWEN_CODE_API_KEY and its numbered forms, and their address from QWEN_CODE_API_BASE", async () => {
    vi.stubEnv("QWEN_CODE_API_KEY", "key-one-of-two");
    vi.stubEnv("QWEN_CODE_API_KEY_2", "key-two-of-two");
    // Variables of an account are no keys.
    vi.stubEnv("QWEN_CODE_1_ACCESS_TOKEN", "fake-access");
    vi.stubEnv("QWEN_CODE_API_BASE", "http://127.0.0.1:9/v1");
    await using it = await lab({ accounts: () => [], qwen: { keys: undefined, baseURL: undefined } });
    expect(it.proxy.app.credentials.list("qwen_code").map(({ data }) => (data as { key?: string }).key)).toEqual([
      "key-one-of-two",
      "key-two-of-two",
    ]);
    const { json } = await it.ask();
    expect(JSON.stringify(json) + it.proxy.logged.join("\n")).toContain("127.0.0.1:9");
  });

  test("the models of an account are listed", async () => {
    await using it = await lab({ qwen: { discover: true } });
    const listed = (): readonly string[] => it.proxy.app.models.list().map(({ id }) => id);
    await vi.waitFor(() => expect(listed()).toContain("qwen_code/qwen-of-this-account"));
  });

  test("a provider under another name is none of the first one's", () => {
    const plugin = qwenCode({
      ...settings({ url: "http://127.0.0.1:9", host: "x" } as never),
      name: "qwen_two",
      keys: [],
    });
    expect([plugin.name, plugin.accounts![0]!.provider]).toEqual(["qwen_two", "qwen_two"]);
  });
});
