import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { definePlugin } from "waygate";
import { limits } from "waygate/plugins/limits";
import { promptFilter, type PromptFilterOptions } from "waygate/plugins/prompt-filter";
import { type Lab, lab, type LabOptions } from "../rules/_lab.ts";

const start = (options: PromptFilterOptions, more: LabOptions = {}): Promise<Lab> =>
  lab({ providers: { lab: ["a"] }, ...more, plugins: [...(more.plugins ?? []), promptFilter(options)] });

const says = (content: unknown): { model: string; messages: unknown } => ({
  model: "lab/m",
  messages: [{ role: "user", content }],
});

async function codeOf(bench: Lab, path: string, body: object, headers: Record<string, string> = {}): Promise<unknown> {
  const sent = bench.proxy.fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const { status, text } = await bench.finish(sent);
  return status === 200 ? 200 : (JSON.parse(text) as unknown);
}

describe("promptFilter()", () => {
  it("refuses phrases and patterns in any case, and lets everything else through as it came", async () => {
    await using bench = await start({
      phrases: ["Forbidden (thing)", "a.b"],
      patterns: ["ignore (all )?previous", /SECRET-\d+/, /été/iu, /\u{1F600}/u],
      delay: false,
    });
    const outcomes: (number | undefined)[] = [];
    const texts = [
      "a fORBIDDEN (THING) here",
      "axb",
      "a.B",
      "Ignore previous",
      "secret-1",
      "SECRET-1",
      "ÉTÉ",
      "a 😀",
      "fine",
    ];
    for (const text of texts) outcomes.push((await bench.finish(bench.proxy.chat(says(text)))).status);
    expect(outcomes).toEqual([400, 200, 400, 400, 200, 400, 400, 400, 200]);
    const { outcome } = bench.proxy.records.at(-1)!;
    expect(outcome.path).toBe("bytes");
    expect(bench.asked()).toBe("a a a");
  });

  it("looks into the instructions, every part of every message, results of tools, and refuses in the client's protocol", async () => {
    await using bench = await start({ phrases: ["forbidden"], message: "Not here.", delay: false });
    const anthropic = { model: "lab/m", max_tokens: 5, messages: [{ role: "user", content: "hi" }] };
    const refusals = [
      await codeOf(bench, "/v1/chat/completions", {
        model: "lab/m",
        messages: [
          { role: "developer", content: "forbidden" },
          { role: "user", content: "hi" },
        ],
      }),
      await codeOf(
        bench,
        "/v1/chat/completions",
        says([
          { type: "text", text: "x" },
          { type: "text", text: "FORBIDDEN" },
        ]),
      ),
      await codeOf(bench, "/v1/chat/completions", {
        model: "lab/m",
        messages: [
          { role: "user", content: "hi" },
          { role: "assistant", tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }] },
          { role: "tool", tool_call_id: "1", content: "forbidden" },
        ],
      }),
      await codeOf(bench, "/v1/completions", { model: "lab/m", prompt: "forbidden" }),
      await codeOf(bench, "/v1/responses", { model: "lab/m", instructions: "forbidden", input: "hi" }),
      await codeOf(bench, "/v1/embeddings", { model: "lab/m", input: ["x", "forbidden"] }),
      await codeOf(bench, "/v1/images/generations", { model: "lab/m", prompt: "forbidden" }),
    ];
    for (const refusal of refusals) expect(refusal).toMatchObject({ error: { code: "prompt_rejected" } });
    for (const path of ["/v1/messages", "/v1/messages/count_tokens"]) {
      expect(
        await codeOf(bench, path, { ...anthropic, system: "forbidden" }, { "anthropic-version": "2023-06-01" }),
      ).toMatchObject({ type: "error", error: { type: "invalid_request_error", message: /^Not here\. / } });
    }
    const gemini = { contents: [{ parts: [{ text: "hi" }] }], systemInstruction: { parts: [{ text: "forbidden" }] } };
    expect(await codeOf(bench, "/v1beta/models/lab/m:generateContent", gemini)).toMatchObject({
      error: { code: 400, status: "INVALID_ARGUMENT", message: /^Not here\. / },
    });
    expect(bench.calls).toEqual([]);
  });

  it("refuses later each time, forgets half of it every 30 s, and never waits longer than the most", async () => {
    await using bench = await start({ phrases: ["forbidden"] });
    const wait = async (): Promise<number> => (await bench.finish(bench.proxy.chat(says("forbidden")))).took / 1000;
    const waits = [];
    for (let count = 0; count < 8; count++) waits.push(await wait());
    // After 16 s and 32 s some of the earlier refusals are forgotten.
    expect(waits.slice(0, 5)).toEqual([1, 2, 4, 8, 16]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60);
    await bench.clock.advance(10 * 60_000);
    expect(await wait()).toBe(1);
  });

  it("punishes nobody else", async () => {
    const who = definePlugin({
      name: "who",
      hooks: { auth: ({ req }) => ({ id: req.headers.get("authorization") ?? "?" }) },
    });
    await using bench = await start({ phrases: ["forbidden"] }, { plugins: [who] });
    const wait = async (authorization: string): Promise<number> =>
      (await bench.finish(bench.proxy.chat(says("forbidden"), { headers: { authorization } }))).took / 1000;
    expect([await wait("mia"), await wait("mia"), await wait("uli"), await wait("mia")]).toEqual([1, 2, 1, 4]);
  });

  it("E3 a refused prompt counts against no limit, whichever of the two plugins comes first", async () => {
    const filter = promptFilter({ phrases: ["forbidden"], delay: { first: 10, most: 10 } });
    for (const plugins of [
      [limits({ client: { rpd: 2 } }), filter],
      [filter, limits({ client: { rpd: 2 } })],
    ]) {
      await using bench = await lab({ providers: { lab: ["a"] }, plugins });
      const codes = [];
      for (const text of ["forbidden", "a", "forbidden", "forbidden", "b", "c"]) {
        codes.push((await bench.finish(bench.proxy.chat(says(text)))).status);
      }
      expect(codes).toEqual([400, 200, 400, 400, 200, 429]);
    }
  });

  it("C1 a client that leaves while it waits for its refusal frees everything at once", async () => {
    await using bench = await start({ phrases: ["forbidden"] }, { plugins: [limits({ client: { rpd: 1 } })] });
    const leaving = new AbortController();
    const { pending } = bench.clock;
    const sent = bench.proxy.chat(says("forbidden"), { signal: leaving.signal });
    while (bench.clock.pending === pending) await turn();
    leaving.abort();
    await sent.catch(() => undefined);
    const { outcome } = await bench.proxy.recorded(1);
    expect([outcome.status, outcome.end]).toEqual([499, "client-aborted"]);
    expect(bench.clock.pending).toBe(pending);
    expect((await bench.finish(bench.proxy.chat(says("fine")))).status).toBe(200);
  });

  it.each([
    ["(a+)+$", "a".repeat(1_000_000)],
    ["(x+x+)+y", "x".repeat(1_000_000)],
    ["(.*a){20}c", "ab".repeat(500_000)],
  ])("the pattern %s takes no longer than its prompt of a megabyte is long", async (pattern, prompt) => {
    await using bench = await start({ patterns: [`${pattern}z`], delay: false });
    const began = performance.now();
    expect((await bench.finish(bench.proxy.chat(says(`${prompt}!`)))).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(3000);
  });

  it("a thousand phrases cost what one does", async () => {
    const phrases = Array.from({ length: 1000 }, (_, index) => `forbidden phrase number ${index} zz`);
    await using bench = await start({ phrases, delay: false });
    const near = "forbidden phrase number 999 z ".repeat(30_000);
    const began = performance.now();
    expect((await bench.finish(bench.proxy.chat(says(near)))).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(3000);
    expect((await bench.finish(bench.proxy.chat(says(`${near}FORBIDDEN phrase number 5 zz`)))).status).toBe(400);
  });

  it.each<[string | RegExp, RegExp]>([
    ["(", /missing closing \)/],
    ["a)|(b", /unexpected \)/],
    ["(?=x)y", /RE2's syntax/],
    [/(a)\1/, /RE2's syntax/],
    ["((a{100}){100}){10}", /invalid repeat|too large/],
  ])("the pattern %s does not start", async (pattern, why) => {
    await expect(start({ patterns: [pattern] })).rejects.toThrow(why);
  });
});
