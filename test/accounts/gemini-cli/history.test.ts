import { expect, test } from "vitest";
import { listOf } from "../_google/types.ts";
import { lab } from "./_lab.ts";

const model = "gemini_cli/gemini-3-flash-preview";
const call = (id: string, city: string): object => ({
  id,
  type: "function",
  function: { name: "get_weather", arguments: JSON.stringify({ city }) },
});
const tools = [
  {
    type: "function",
    function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
  },
];

/** Roles and kinds of parts: `user:text model:call,call`. */
async function turnsOf(messages: readonly object[]): Promise<string> {
  await using it = await lab();
  const { status, text } = await it.ask({ model, messages, tools });
  // The fake refuses what the service does.
  expect([status, text.slice(0, 300)]).toEqual([200, expect.any(String)]);
  const kinds = { functionCall: "call", functionResponse: "result", text: "text" };
  return listOf(it.google.generated[0]?.request["contents"])
    .map((content) => {
      const { role, parts } = content as { role: string; parts: object[] };
      const found = parts.map((part) => Object.entries(kinds).find(([key]) => key in part)?.[1] ?? "other");
      return `${role}:${found.join(",")}`;
    })
    .join(" ");
}

test.each([
  {
    row: "google 14.3 a result that is missing, and one too many",
    messages: [
      { role: "user", content: "Compare." },
      { role: "assistant", content: null, tool_calls: [call("a", "Oslo"), call("b", "Bergen")] },
      { role: "tool", tool_call_id: "b", content: "rain" },
      { role: "tool", tool_call_id: "unknown", content: "?" },
    ],
    turns: "user:text model:call,call user:result,result user:text",
  },
  {
    row: "google 14.4 14.38 a history that begins with the model",
    messages: [
      { role: "assistant", content: null, tool_calls: [call("a", "Oslo")] },
      { role: "tool", tool_call_id: "a", content: "rain" },
    ],
    turns: "user:text model:call user:result",
  },
  {
    row: "google 14.5 results with the user's words behind them",
    messages: [
      { role: "user", content: "Weather?" },
      { role: "assistant", content: null, tool_calls: [call("a", "Oslo")] },
      { role: "tool", tool_call_id: "a", content: "rain" },
      { role: "user", content: "And tomorrow?" },
    ],
    turns: "user:text model:call user:result user:text",
  },
  {
    row: "google 14.43 a history that ends with the model",
    messages: [
      { role: "user", content: "Hello." },
      { role: "assistant", content: "Well," },
    ],
    turns: "user:text model:text user:text",
  },
])("$row is put in order", async ({ messages, turns }) => {
  expect(await turnsOf(messages)).toBe(turns);
});

test("google 14.3 results stand in the order of their calls, and what is missing is said to be", async () => {
  await using it = await lab();
  await it.ask({
    model,
    tools,
    messages: [
      { role: "user", content: "Compare." },
      { role: "assistant", content: null, tool_calls: [call("a", "Oslo"), call("b", "Bergen"), call("c", "Bodø")] },
      { role: "tool", tool_call_id: "c", content: "snow" },
      { role: "tool", tool_call_id: "a", content: "rain" },
    ],
  });
  const [, , turn] = listOf(it.google.generated[0]?.request["contents"]) as { parts: { functionResponse: object }[] }[];
  expect(turn?.parts.map(({ functionResponse }) => functionResponse)).toEqual([
    { id: "a", name: expect.stringContaining("get_weather"), response: { output: "rain" } },
    { id: "b", name: expect.stringContaining("get_weather"), response: { output: "No result." } },
    { id: "c", name: expect.stringContaining("get_weather"), response: { output: "snow" } },
  ]);
});

test("google 14.18 signatures of another service are not sent, however they look", async () => {
  await using it = await lab();
  const { status } = await it.ask({
    model,
    tools,
    messages: [
      { role: "user", content: "Weather?" },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          {
            ...call("a", "Oslo"),
            extra_content: { google: { thought_signature: "px1.anthropic.anthropic.Zm9yZWlnbg==" } },
          },
        ],
      },
      { role: "tool", tool_call_id: "a", content: "rain" },
    ],
  });
  expect(status).toBe(200);
  expect(JSON.stringify(it.google.generated[0]?.request)).not.toContain("Zm9yZWlnbg");
});

test("google 14.18 a signature that is refused all the same is replaced once by what stands for one", async () => {
  await using it = await lab();
  const { status } = await it.ask({
    model,
    tools,
    messages: [
      { role: "user", content: "Weather?" },
      {
        role: "assistant",
        content: null,
        tool_calls: [
          {
            ...call("a", "Oslo"),
            extra_content: { google: { thought_signature: "px1.gemini.gemini_cli.Zm9yZ290dGVu" } },
          },
        ],
      },
      { role: "tool", tool_call_id: "a", content: "rain" },
    ],
  });
  expect([status, it.google.generated.length]).toEqual([200, 2]);
  expect(JSON.stringify(it.google.generated[1]?.request)).toContain("skip_thought_signature_validator");
});

test("google 14.31 14.49 14.30 names that the service refuses, fields it does not know and schemas of any kind are made to fit", async () => {
  await using it = await lab();
  const parameters = {
    $schema: "http://json-schema.org/draft-07/schema#",
    type: "object",
    properties: { mode: { enum: [true, "w"] }, title: { type: ["string", "null"] } },
    additionalProperties: false,
  };
  it.google.always(({ request }) => {
    const [declared] = listOf((listOf(request["tools"])[0] as { functionDeclarations: unknown }).functionDeclarations);
    const { name } = declared as { name: string };
    return {
      chunks: [{ candidates: [{ content: { parts: [{ functionCall: { name, args: {} } }] }, finishReason: "STOP" }] }],
    };
  });
  const { status, json } = await it.ask({
    model: "gemini_cli/gemini-2.5-pro",
    tools: [{ type: "function", strict: true, function: { name: "2fa/check it", strict: true, parameters, extra: 1 } }],
  });
  expect([status, json.choices[0].message["tool_calls"]]).toEqual([
    200,
    [expect.objectContaining({ function: { name: "2fa/check it", arguments: "{}" } })],
  ]);
});

test("the guards of generation 3 have switches, and other generations none", async () => {
  const declared = async (cli: object, asked: string): Promise<string> => {
    await using it = await lab({ cli });
    await it.ask({ model: asked, tools });
    return JSON.stringify(it.google.generated[0]?.request);
  };
  expect(await declared({}, model)).toContain("gemini3_get_weather");
  expect(await declared({}, model)).toContain("PARAMETERS");
  expect(await declared({ toolGuards: { prefix: "own_", describe: false } }, model)).toContain("own_get_weather");
  expect(await declared({ toolGuards: { describe: false } }, model)).not.toContain("PARAMETERS");
  expect(await declared({ toolGuards: false }, model)).not.toContain("gemini3_");
  expect(await declared({}, "gemini_cli/gemini-2.5-pro")).not.toContain("gemini3_");
});
