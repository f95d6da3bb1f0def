import { describe, expect, test, vi } from "vitest";
import { city, lab } from "./_lab.ts";

const sonnet = "antigravity/claude-sonnet-4.6";
const hi = [{ role: "user", content: "Hi" }];
const flash = "antigravity/gemini-3-flash";

describe("Claude", () => {
  test("google 14.25 may answer at greater length than it thinks", async () => {
    await using it = await lab();
    const ask = (more: object) => it.ask({ model: sonnet, messages: hi, ...more });
    await ask({ reasoning_effort: "high", max_tokens: 2000 });
    expect(it.sent["generationConfig"]).toEqual({
      maxOutputTokens: 33_023,
      thinkingConfig: { includeThoughts: true, thinkingBudget: 31_999 },
    });
    await ask({ max_tokens: 100_000 });
    expect(it.sent["generationConfig"]).toEqual({ maxOutputTokens: 64_000 });
    await ask({});
    expect(it.sent["generationConfig"]).toEqual({ maxOutputTokens: 32_000 });
  });

  test("google 14.25 or thinks less, where that is wanted", async () => {
    await using it = await lab({ options: { clampThinking: true } });
    const ask = (max_tokens: number) => it.ask({ model: sonnet, messages: hi, reasoning_effort: "high", max_tokens });
    await ask(8000);
    expect(it.sent["generationConfig"]).toEqual({
      maxOutputTokens: 8000,
      thinkingConfig: { includeThoughts: true, thinkingBudget: 6976 },
    });
    await ask(1500);
    expect(it.sent["generationConfig"]).toEqual({ maxOutputTokens: 1500 });
  });

  test("gets no chance to set while it thinks", async () => {
    await using it = await lab();
    const chance = { temperature: 0.2, top_p: 0.5 };
    await it.ask({ model: sonnet, messages: hi, reasoning_effort: "low", ...chance });
    expect(Object.keys(it.sent["generationConfig"]!)).toEqual(["maxOutputTokens", "thinkingConfig"]);
    await it.ask({ model: sonnet, messages: hi, ...chance });
    expect(it.sent["generationConfig"]).toMatchObject({ temperature: 0.2, topP: 0.5 });
  });

  test("is told in words that the answer is to be JSON", async () => {
    await using it = await lab();
    const response_format = { type: "json_schema", json_schema: { name: "n", schema: city } };
    await it.ask({ model: sonnet, messages: [{ role: "system", content: "Mine." }, ...hi], response_format });
    const words = JSON.stringify(it.sent["systemInstruction"]);
    expect(words).toContain("Mine.");
    expect(words).toContain("JSON Schema");
    expect(it.sent["generationConfig"]).toEqual({ maxOutputTokens: 32_000 });
  });

  test("thinks between calls of tools by a header that can be left out", async () => {
    await using it = await lab();
    await it.ask({ model: sonnet, messages: hi });
    await it.ask({ model: flash, messages: hi });
    expect(it.google.generated.map(({ headers }) => headers["anthropic-beta"])).toEqual([
      "interleaved-thinking-2025-05-14",
      undefined,
    ]);
    await using other = await lab({ options: { interleaved: false } });
    await other.ask({ model: sonnet, messages: hi });
    expect(other.google.generated[0]?.headers["anthropic-beta"]).toBeUndefined();
  });
});

test("GPT-OSS does not think, and is asked for no more than it can", async () => {
  await using it = await lab();
  const ask = { model: "antigravity/gpt-oss-120b-medium", reasoning_effort: "high", max_tokens: 50_000 };
  const { status } = await it.ask({ ...ask, messages: hi });
  expect(status).toBe(200);
  expect(it.sent["generationConfig"]).toEqual({ maxOutputTokens: 32_768 });
});

test("google 14.42 Gemini gets a cleaned schema for its answer, and no penalties", async () => {
  await using it = await lab();
  const response_format = {
    type: "json_schema",
    json_schema: { name: "n", schema: { ...city, additionalProperties: false } },
  };
  const { status } = await it.ask({
    model: flash,
    messages: hi,
    response_format,
    presence_penalty: 1,
    frequency_penalty: 1,
  });
  expect(status).toBe(200);
  expect(it.sent["generationConfig"]).toEqual({
    responseMimeType: "application/json",
    responseSchema: city,
    thinkingConfig: { includeThoughts: true, thinkingLevel: "high" },
  });
});

test("models that draw get neither tools nor words of a system, and say so in the envelope", async () => {
  await using it = await lab();
  const response = await it.generate("gemini-3.1-flash-image", {
    systemInstruction: { parts: [{ text: "In oil." }] },
    contents: [{ role: "user", parts: [{ text: "A cat" }] }],
    tools: [{ functionDeclarations: [{ name: "a" }] }],
    generationConfig: { imageConfig: { aspectRatio: "16:9" } },
  });
  expect(response.status).toBe(200);
  const { body, request } = it.google.generated[0]!;
  expect([body["requestType"], body["requestId"]]).toEqual(["image_gen", expect.stringMatching(/^image_gen\/\d+\//)]);
  expect(request).toEqual({
    sessionId: expect.any(String),
    contents: [{ role: "user", parts: [{ text: "In oil." }, { text: "A cat" }] }],
    generationConfig: { responseModalities: ["TEXT", "IMAGE"], imageConfig: { aspectRatio: "16:9" } },
  });
});

test("google 14.15 words before all others are there only where the user wants them", async () => {
  const wordsWith = async (instruction: string | boolean | undefined): Promise<unknown> => {
    await using it = await lab({ options: instruction === undefined ? {} : { instruction } });
    await it.ask({ model: flash, messages: [{ role: "system", content: "Mine." }, ...hi] });
    return it.sent["systemInstruction"];
  };
  const mine = { text: "Mine." };
  expect(await wordsWith("Ours.")).toEqual({ role: "user", parts: [{ text: "Ours." }, mine] });
  expect(await wordsWith(true)).toEqual({ role: "user", parts: [{ text: expect.any(String) }, mine] });
  expect(await wordsWith(undefined)).toEqual({ role: "user", parts: [mine] });
  vi.stubEnv("ANTIGRAVITY_PREPEND_INSTRUCTION", "true");
  expect(await wordsWith(undefined)).toEqual({ role: "user", parts: [{ text: expect.any(String) }, mine] });
  expect(await wordsWith(false)).toEqual({ role: "user", parts: [mine] });
  vi.unstubAllEnvs();
});

test("google 14.53 addresses, version, headers and names of models are settings", async () => {
  await using it = await lab({
    options: { version: "3.0.0", headers: { "X-Goog-Api-Client": "mine" }, renames: { "my-model": "gemini-3-flash" } },
  });
  await it.ask({ model: "antigravity/my-model", messages: hi });
  const [sent] = it.google.generated;
  expect(sent?.model).toBe("gemini-3-flash");
  expect(sent?.headers).toMatchObject({
    "user-agent": expect.stringContaining("antigravity/3.0.0 "),
    "x-goog-api-client": "mine",
  });
});

test("a conversation without a text has a session by chance", async () => {
  await using it = await lab();
  const part = { inlineData: { mimeType: "image/png", data: "AAAA" } };
  const response = await it.generate("gemini-3-flash", { contents: [{ role: "user", parts: [part] }] });
  expect(response.status).toBe(200);
  expect(it.sent["sessionId"]).toMatch(/^-\d+$/);
});

test("bought credits are used only where the user says so", async () => {
  await using it = await lab({ options: { credits: true } });
  await it.ask({ messages: hi });
  expect(it.google.generated[0]?.body["enabledCreditTypes"]).toEqual(["GOOGLE_ONE_AI"]);
});

test("tokens are counted", async () => {
  await using it = await lab();
  const response = await it.generate(
    "claude-sonnet-4-6",
    { contents: [{ role: "user", parts: [{ text: "Hi you" }] }] },
    "countTokens",
  );
  expect([response.status, await response.json()]).toEqual([200, { totalTokens: expect.any(Number) }]);
});

test("google 14.28 what only other services know stays out", async () => {
  await using it = await lab();
  const cache_control = { type: "ephemeral" };
  const content = [{ type: "text", text: "Hi", cache_control }];
  for (const model of [flash, sonnet]) {
    const { status, text } = await it.ask({ model, messages: [{ role: "user", content, name: "me", refusal: null }] });
    expect([status, text]).toEqual([200, expect.any(String)]);
    expect(it.sent["contents"]).toEqual([{ role: "user", parts: [{ text: "Hi" }] }]);
  }
});
