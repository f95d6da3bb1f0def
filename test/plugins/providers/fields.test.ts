/** What arrives at a provider of a request that it would refuse as it came. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestProxy, type TestProxy, type Upstream } from "waygate/testing";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { type Row, rows } from "./fakes/all.ts";
import { createFake } from "./fakes/fake.ts";

const upstreams = new Map<string, Upstream>();
let proxy: TestProxy;

beforeAll(async () => {
  const plugins = [];
  for (const row of rows) {
    const upstream = await createFake(row.fake);
    upstreams.set(row.id, upstream);
    plugins.push(row.plugin({ baseURL: upstream.url, keys: ["key"], discover: false }));
  }
  proxy = await createTestProxy({ plugins });
});

afterAll(async () => {
  await proxy.close();
  await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
});

/** Sends a body as it stands and gives what the upstream was sent, as text. */
async function sent(id: string, model: string, body: string, headers: HeadersInit = {}): Promise<string> {
  const upstream = upstreams.get(id)!;
  const before = upstream.requests.length;
  const response = await proxy.fetch("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", "user-agent": "claude-cli/2.0", ...headers },
    body: body.replace("{", `{"model":"${id}/${model}",`),
  });
  expect(`${response.status} ${await response.text()}`).toMatch(/^200 /);
  return upstream.requests[before]!.body.replace(`"model":${JSON.stringify(model)},`, "");
}

const call = { id: "call_0123456789abcdef", type: "function", function: { name: "f", arguments: '{"n":1.0}' } };
const history = [
  { role: "developer", content: "Be brief." },
  { role: "user", name: "ann", content: "What is it?" },
  { role: "assistant", content: null, reasoning_content: "hm", tool_calls: [call] },
  { role: "tool", tool_call_id: call.id, name: "f", content: "42" },
  { role: "user", content: "So?" },
];
const tools = [{ type: "function", function: { name: "f", parameters: { type: "object" } } }];
const everything = {
  messages: history,
  tools,
  tool_choice: { type: "function", function: { name: "f" } },
  parallel_tool_calls: false,
  max_tokens: 5,
  temperature: 1.9,
  seed: 7,
  stop: ["x"],
  user: "u",
  store: false,
  metadata: { a: "b" },
  logprobs: true,
  logit_bias: {},
  top_k: 3,
  presence_penalty: 0.1,
  frequency_penalty: 0.1,
  reasoning_effort: "medium",
  response_format: null,
};

describe("a strict provider takes", () => {
  const ids = rows.map((row): [string, string] => [row.id, row.model ?? "m"]);

  test.each(ids)("everything at once: %s", async (id, model) => {
    expect(await sent(id, model, JSON.stringify(everything))).toContain('"messages"');
  });

  test.each(rows.filter(({ fake }) => fake.refuses).map((row): [string, Row] => [row.id, row]))(
    "nothing of it as it came: %s",
    async (id, { model = "m" }) => {
      const plugin = openaiCompatible({ name: "plain", baseURL: upstreams.get(id)!.url, keys: ["key"], models: [] });
      await using plain = await createTestProxy({ plugins: [plugin] });
      expect((await plain.chat({ ...everything, model: `plain/${model}` })).status).toBeGreaterThanOrEqual(400);
    },
  );

  test.each(ids)("the newer name for the most tokens: %s", async (id, model) => {
    const { max_tokens: most, ...rest } = everything;
    expect(await sent(id, model, JSON.stringify({ ...rest, max_completion_tokens: most }))).toMatch(/tokens":5\b/);
  });

  test.each(ids.filter(([id]) => id !== "ollama"))(
    "report 42: empty tools and a choice among none: %s",
    async (id, model) => {
      const messages = [{ role: "user", content: "hi" }];
      for (const more of [{ tools: [], tool_choice: "auto" }, { tool_choice: "none" }]) {
        expect(await sent(id, model, JSON.stringify({ messages, ...more }))).toContain('"hi"');
      }
    },
  );
});

const big = '"big":12345678901234567890,"f":1.0';
const user = '"messages":[{"role":"user","content":"hi"}]';

describe("what is sent is the client's own text less what had to go", () => {
  test.each([
    ["openai", "m", `{${user},"max_tokens":5,${big}}`, `{${user},"max_completion_tokens":5,${big}}`],
    ["openai", "m", `{${user},"max_tokens":5,"max_completion_tokens":9}`, `{${user},"max_completion_tokens":9}`],
    ["groq", "m", `{${user},"logit_bias":{},${big}}`, `{${user},${big}}`],
    ["groq", "m", `{${user},"n":1,"max_tokens":3}`, `{${user},"n":1,"max_tokens":3}`],
    ["mistral", "m", `{${user},"seed":1.0,"user":"u","stop":null}`, `{${user},"random_seed":1.0}`],
    ["mistral", "m", `{${user},"temperature":1.8}`, `{${user},"temperature":1.5}`],
    ["deepseek", "m", `{${user},"reasoning_effort":"xhigh",${big}}`, `{${user},"reasoning_effort":"max",${big}}`],
    ["deepseek", "m", `{${user},"reasoning_effort":"none"}`, `{${user},"thinking":{"type":"disabled"}}`],
    ["xai", "grok-4", `{${user},"stop":["x"],${big}}`, `{${user},${big}}`],
    ["xai", "grok-3", `{${user},"stop":["x"],${big}}`, `{${user},"stop":["x"],${big}}`],
    ["cohere", "m", `{${user},"reasoning_effort":"low","user":"u"}`, `{${user},"reasoning_effort":"high"}`],
    [
      "nvidia_nim",
      "deepseek-ai/deepseek-v4-pro",
      `{${user},"reasoning_effort":"low"}`,
      `{${user},"chat_template_kwargs":{"thinking":true,"reasoning_effort":"high"}}`,
    ],
    [
      "nvidia_nim",
      "moonshotai/kimi-k2.5",
      `{${user},"reasoning_effort":"none","chat_template_kwargs":{"a":1.0}}`,
      `{${user},"chat_template_kwargs":{"a":1.0,"thinking":false}}`,
    ],
    [
      "nvidia_nim",
      "deepseek-ai/deepseek-v3.2",
      `{${user},"reasoning_effort":"disable",${big}}`,
      `{${user},${big},"chat_template_kwargs":{"thinking":false}}`,
    ],
    [
      "nvidia_nim",
      "deepseek-ai/deepseek-v4-flash",
      `{${user},"reasoning_effort":"xhigh"}`,
      `{${user},"chat_template_kwargs":{"thinking":true,"reasoning_effort":"max"}}`,
    ],
    [
      "nvidia_nim",
      "mistralai/mistral-medium-3.5-instruct",
      `{${user},"reasoning_effort":"low"}`,
      `{${user},"reasoning_effort":"high"}`,
    ],
    ["nvidia_nim", "mistralai/mistral-small-4-119b", `{${user},"reasoning_effort":"off"}`, `{${user}}`],
    [
      "nvidia_nim",
      "nvidia/nemotron-3-nano-30b-a3b",
      `{${user},"reasoning_effort":"high"}`,
      `{${user},"chat_template_kwargs":{"enable_thinking":true}}`,
    ],
    [
      "nvidia_nim",
      "nvidia/llama-3.1-nemotron-ultra-253b-v1",
      `{"messages":[{"role":"user","content":"hi","x":1.0}],"reasoning_effort":"high"}`,
      `{"messages":[{"role":"system","content":"detailed thinking on"},{"role":"user","content":"hi","x":1.0}]}`,
    ],
    [
      "nvidia_nim",
      "nvidia/llama-3.3-nemotron-super-49b-v1",
      `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}],"reasoning_effort":"none"}`,
      `{"messages":[{"role":"system","content":"detailed thinking off\\n\\nBe brief."},{"role":"user","content":"hi"}]}`,
    ],
    [
      "nvidia_nim",
      "meta/llama-3.3-70b-instruct",
      `{${user},"reasoning_effort":"low"}`,
      `{${user},"reasoning_effort":"low"}`,
    ],
    ["chutes", "m", `{${user},"reasoning_effort":"low"}`, `{${user},"chat_template_kwargs":{"enable_thinking":true}}`],
    ["openrouter", "m", `{${user},"max_completion_tokens":5,${big}}`, `{${user},"max_tokens":5,${big}}`],
    ["g4f_main", "m", `{${user},"tools":[],${big}}`, `{${user},"tools":[],${big}}`],
  ])("%s/%s: %s", async (id, model, given, expected) => {
    expect(await sent(id, model, given)).toBe(expected);
  });

  test("reasoning goes to Cerebras under the name it knows, and not to Groq", async () => {
    const body = JSON.stringify({ messages: history });
    expect(await sent("cerebras", "m", body)).toContain('"content":null,"reasoning":"hm","tool_calls"');
    expect(await sent("groq", "m", body)).not.toContain("hm");
  });

  test("report 43: DeepSeek is sent the reasoning it wants to see again, or an empty one", async () => {
    const turns = (more: object): string =>
      JSON.stringify({ messages: [history[1], { role: "assistant", ...more, tool_calls: [call] }, history[3]] });
    expect(await sent("deepseek", "m", turns({ reasoning_content: "hm" }))).toContain('"reasoning_content":"hm"');
    expect(await sent("deepseek", "m", turns({ content: null }))).toContain('"reasoning_content":""');
    expect(await sent("deepseek", "m", `{${user}}`)).toBe(`{${user}}`);
  });

  test("report 47: Mistral is sent one short id for a call and its result, the same every time", async () => {
    const body = JSON.stringify({ messages: history });
    const first = await sent("mistral", "m", body);
    const id = /"tool_call_id":"([^"]+)"/.exec(first)?.[1];
    expect(id).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(first).toContain(`"id":"${id}"`);
    expect(first).toContain(String.raw`"arguments":"{\"n\":1.0}"`);
    expect(await sent("mistral", "m", body)).toBe(first);
    const fitting = body.replaceAll(call.id, "abcDEF123");
    expect(await sent("mistral", "m", fitting)).toContain('"tool_call_id":"abcDEF123"');
  });

  const turn = (content: unknown, more: object = {}): string =>
    JSON.stringify({
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", content, ...more },
      ],
    });

  test("Mistral is given back what its thinking models have thought, and others are not", async () => {
    const thinking = { type: "thinking", thinking: [{ type: "text", text: "hm" }] };
    const body = turn("ok", { reasoning_content: "hm" });
    const list = JSON.stringify([thinking, { type: "text", text: "ok" }]);
    expect(await sent("mistral", "magistral-medium-latest", body)).toContain(`"content":${list}`);
    expect(await sent("mistral", "m", body)).not.toContain("hm");
    const asked = body.replace("{", '{"reasoning_effort":"max",');
    expect(await sent("mistral", "m", asked)).toMatch(/"reasoning_effort":"xhigh".*"thinking"/);
  });

  test("Mistral is told that it goes on with a last turn of its own", async () => {
    expect(await sent("mistral", "m", turn("The answer is"))).toContain('"content":"The answer is","prefix":true');
    expect(await sent("mistral", "m", turn("x", { prefix: false }))).toContain('"prefix":false');
  });

  test("Mistral is shown documents and refusals under the names they have there", async () => {
    const file = { filename: "a.pdf", file_data: "data:application/pdf;base64,aGk=" };
    const body = { messages: [{ role: "user", content: [{ type: "file", file }] }] };
    const shown = { type: "document_url", document_url: file.file_data, document_name: "a.pdf" };
    expect(await sent("mistral", "m", JSON.stringify(body))).toContain(JSON.stringify(shown));
    const refused = await sent("mistral", "m", turn([{ type: "refusal", refusal: "no" }]));
    expect(refused).toContain('"content":[{"type":"text","text":"no"}]');
  });

  test("only OpenAI is told to choose among some of the tools, the others are left with these", async () => {
    const other = { type: "function", function: { name: "g" } };
    const allowed_tools = { mode: "required", tools: [{ type: "function", function: { name: "f" } }] };
    const body = JSON.stringify({
      messages: [{ role: "user", content: "hi" }],
      tools: [other, ...tools],
      tool_choice: { type: "allowed_tools", allowed_tools },
    });
    expect(await sent("openai", "m", body)).toContain('"allowed_tools"');
    for (const id of ["mistral", "cohere", "groq", "deepseek"]) {
      const json = JSON.parse(await sent(id, "m", body)) as object;
      expect([id, json]).toEqual([id, expect.objectContaining({ tools, tool_choice: "required" })]);
    }
  });

  test("a request of another protocol names some of the tools to nobody who was not said to know that", async () => {
    const plugin = openaiCompatible({
      name: "lab",
      baseURL: upstreams.get("openrouter")!.url,
      keys: ["k"],
      models: [],
    });
    await using lab = await createTestProxy({ plugins: [plugin] });
    const declared = ["f", "g", "h"].map((name) => ({ name, parametersJsonSchema: { type: "object" } }));
    const response = await lab.fetch("/v1beta/models/lab/m:generateContent", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        contents: [{ role: "user", parts: [{ text: "hi" }] }],
        tools: [{ functionDeclarations: declared }],
        toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["f", "h"] } },
      }),
    });
    expect(response.status).toBe(200);
    const { json } = upstreams.get("openrouter")!.requests.at(-1)!;
    expect(json["tool_choice"]).toBe("required");
    expect(JSON.stringify(json["tools"])).not.toContain('"g"');
  });

  test("Cohere is sent nobody's reasoning", async () => {
    expect(await sent("cohere", "m", JSON.stringify({ messages: history }))).not.toContain("hm");
  });

  test("Cohere is left the one tool it is to call", async () => {
    const other = { type: "function", function: { name: "g" } };
    const body = {
      messages: [{ role: "user", content: "hi" }],
      tools: [other, ...tools],
      tool_choice: everything.tool_choice,
    };
    expect(JSON.parse(await sent("cohere", "m", JSON.stringify(body)))).toMatchObject({
      tools,
      tool_choice: "required",
    });
  });
});

test("AgentRouter sees who calls, and the others do not", async () => {
  const headers = { "user-agent": "codex/9", "x-app": "cli" };
  await sent("agentrouter", "m", `{${user}}`, headers);
  await sent("groq", "m", `{${user}}`, headers);
  expect(upstreams.get("agentrouter")!.requests.at(-1)!.headers).toMatchObject(headers);
  const groq = upstreams.get("groq")!.requests.at(-1)!.headers;
  expect(groq["user-agent"]).toMatch(/^waygate\//);
  expect(groq).not.toHaveProperty("x-app");
});

test("usage is asked of all that know how to be asked", async () => {
  for (const { id, model = "m" } of rows) {
    const body = JSON.parse(await sent(id, model, `{${user},"stream":true}`)) as { stream_options?: unknown };
    expect([id, body.stream_options !== undefined]).toEqual([id, id !== "mistral"]);
  }
});
