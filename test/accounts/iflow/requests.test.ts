import { describe, expect, test } from "vitest";
import { chunk, stream } from "waygate/testing";
import { signatureOf, uuid } from "../../../plugins/iflow/signature.ts";
import { lab, type IflowLab } from "./_lab.ts";
import { call, greeting, inBody, listOf, thought } from "./_iflow.ts";

type Fields = { readonly [name: string]: unknown };

const sent = (it: IflowLab): Fields => it.iflow.asked.at(-1)!.json;
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }];
const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };

describe("the signature", () => {
  test("is an HMAC of program, session and time with the key, in hex", () => {
    // Computed with `printf … | openssl dgst -sha256 -hmac sk-test`.
    const session = "session-00000000-0000-4000-8000-000000000000";
    expect(signatureOf("sk-test", { agent: "iFlow-Cli", session, time: 1_760_000_000_000 })).toBe(
      "e1b13fc9cfd2435d43c4be5c8ce4acc1d7ae0d7b2ac84d8c54182ac7725a3032",
    );
  });

  test("is made anew for every request, for accounts and for keys", async () => {
    await using it = await lab({ iflow: { keys: ["plain-key-of-somebody"] } });
    for (let turn = 0; turn < 4; turn++) expect((await it.ask()).status).toBe(200);
    const { asked } = it.iflow;
    expect(new Set(asked.map(({ headers }) => headers["session-id"])).size).toBe(4);
    expect(new Set(asked.map(({ key }) => key))).toEqual(
      new Set(["plain-key-of-somebody", it.iflow.keyOf("a@example.com")]),
    );
  });

  test("of another program, as an option may say, is signed as that one", async () => {
    await using it = await lab({ iflow: { headers: { "User-Agent": "other" } }, retry: { sameCredential: 0 } });
    const { status } = await it.ask();
    const { headers, key } = it.iflow.asked[0]!;
    expect([status, headers["user-agent"]]).toEqual([403, "other"]);
    expect(headers["x-iflow-signature"]).toBe(
      signatureOf(key!, {
        agent: "other",
        session: headers["session-id"]!,
        time: Number(headers["x-iflow-timestamp"]),
      }),
    );
  });

  test("names sessions by random ids", () => {
    expect(uuid(() => 0)).toBe("00000000-0000-4000-8000-000000000000");
    expect(uuid(() => 0.999)).toBe("ffffffff-ffff-4fff-bfff-ffffffffffff");
  });
});

describe("what is sent", () => {
  test("never stream_options, which is refused with 406, and usage comes all the same", async () => {
    await using it = await lab();
    const { chunks } = await it.ask({ stream: true, stream_options: { include_usage: true } });
    expect(sent(it)).not.toHaveProperty("stream_options");
    expect(chunks.find((each) => each.usage)!.usage).toEqual(usage);
    expect((await it.ask({ stream: true })).status).toBe(200);
  });

  test("a tool that does nothing stands for an empty list, and for that only", async () => {
    await using it = await lab();
    const { json } = await it.ask({ tools: [], messages: [{ role: "user", content: "call the dummy" }] });
    expect(sent(it)["tools"]).toMatchObject([{ function: { name: "noop", parameters: { type: "object" } } }]);
    expect(json.choices[0].finish_reason).toBe("stop");
    expect(json.choices[0].message).not.toHaveProperty("tool_calls");
    await it.ask();
    expect(sent(it)).not.toHaveProperty("tools");
    await it.ask({ tools });
    expect(listOf(sent(it)["tools"])).toEqual(tools);
  });

  test.each([
    ["glm-4.6", "high", { chat_template_kwargs: { enable_thinking: true, clear_thinking: false } }],
    ["glm-4.7", "none", { chat_template_kwargs: { enable_thinking: false } }],
    ["qwen3-max-preview", "low", { chat_template_kwargs: { enable_thinking: true } }],
    ["deepseek-v3.1", "off", { chat_template_kwargs: { enable_thinking: false } }],
    ["deepseek-v3.2", "medium", { chat_template_kwargs: { enable_thinking: true } }],
    ["minimax-m2", "high", { reasoning_split: true }],
    ["minimax-m2.1", "disabled", { reasoning_split: false }],
    ["kimi-k2", "high", {}],
    ["glm-4.6", undefined, {}],
  ])("%s is told to think with effort %s as it wants to be told", async (model, effort, fields) => {
    await using it = await lab();
    const { status } = await it.ask({ model: `iflow/${model}`, reasoning_effort: effort });
    expect(status).toBe(200);
    const { model: _, messages: __, ...rest } = sent(it);
    expect(rest).toEqual(fields);
  });

  test.each([0, false])("effort %s switches thinking off", async (effort) => {
    await using it = await lab();
    await it.ask({ reasoning_effort: effort, chat_template_kwargs: { other: 1 } });
    expect(sent(it)["chat_template_kwargs"]).toEqual({ other: 1, enable_thinking: false });
  });

  test("developers are systems, and max_tokens has its old name", async () => {
    await using it = await lab();
    await it.ask({
      max_completion_tokens: 9,
      messages: [
        { role: "developer", content: "x" },
        { role: "user", content: "y" },
      ],
    });
    expect(sent(it)).toMatchObject({ max_tokens: 9, messages: [{ role: "system" }, { role: "user" }] });
  });

  test.each(["glm-4.6", "minimax-m2.1"])("reasoning of earlier turns goes back to %s", async (model) => {
    await using it = await lab();
    const turn = { role: "assistant", content: "hi", reasoning_content: thought };
    await it.ask({
      model: `iflow/${model}`,
      messages: [{ role: "user", content: "a" }, turn, { role: "user", content: "b" }],
    });
    expect(listOf(sent(it)["messages"])[1]).toEqual(turn);
  });
});

describe("answers", () => {
  test("whole ones and streams come with reasoning, and calls finish with tool_calls", async () => {
    await using it = await lab();
    expect((await it.ask()).json.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: greeting, reasoning_content: thought },
    });
    const { chunks } = await it.ask({ stream: true, tools });
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("tool_calls");
    expect(JSON.stringify(chunks)).toContain(call.name);
  });

  test("an empty last chunk, and empty usage, are nothing", async () => {
    await using it = await lab();
    it.iflow.modes.says = stream([chunk({ content: "hi" }), chunk({}, { finish: "stop", usage: {} }), {}]);
    const { chunks, text } = await it.ask({ stream: true });
    expect(chunks.at(-1)!.choices[0]!.finish_reason).toBe("stop");
    expect(text).not.toContain("data: {}");
  });

  test("a failure inside a 200 is one, whole or in a stream, and the next account is asked (report 33)", async () => {
    for (const asked of [{}, { stream: true }]) {
      await using it = await lab({
        accounts: (fake) => [fake.signedIn("a@example.com"), fake.signedIn("b@example.com")],
      });
      it.iflow.modes.refuse.set("a@example.com", inBody(449, "You exceeded your current rate limit"));
      for (let turn = 0; turn < 2; turn++) expect((await it.ask(asked)).status).toBe(200);
      expect(it.rests()).toEqual(["a@example.com/glm-4.6 cooling"]);
      it.iflow.modes.refuse.set(
        "b@example.com",
        stream([{ code: "500", message: "busy", success: false }], { noDone: true }),
      );
      expect((await it.ask({ ...asked, model: "iflow/glm-4.7" })).status).toBeGreaterThanOrEqual(429);
    }
  });
});
