import { expect, test } from "vitest";
import { known, lab, clientKey } from "./_lab.ts";

const base = { model: "gemini_cli/gemini-2.5-pro", messages: [{ role: "user", content: "Hi" }] };

test("a request is put into the envelope with the account's project and always streamed", async () => {
  await using it = await lab();
  await it.ask({ ...base, temperature: 0.3 });
  const [sent] = it.google.generated;
  expect(sent?.method).toBe("streamGenerateContent");
  expect(sent?.body).toEqual({
    model: "gemini-2.5-pro",
    project: "fancy-words-0a1b2",
    user_prompt_id: expect.stringMatching(/^[0-9a-f]{14}$/),
    request: {
      // SHA-256 of "Hi".
      session_id: "3639efcd-08ab-b273-b161-9e82e78c29a7",
      safetySettings: [
        { category: "HARM_CATEGORY_HARASSMENT", threshold: "OFF" },
        { category: "HARM_CATEGORY_HATE_SPEECH", threshold: "OFF" },
        { category: "HARM_CATEGORY_SEXUALLY_EXPLICIT", threshold: "OFF" },
        { category: "HARM_CATEGORY_DANGEROUS_CONTENT", threshold: "OFF" },
        { category: "HARM_CATEGORY_CIVIC_INTEGRITY", threshold: "BLOCK_NONE" },
      ],
      contents: [{ role: "user", parts: [{ text: "Hi" }] }],
      generationConfig: { temperature: 0.3, thinkingConfig: { includeThoughts: true, thinkingBudget: -1 } },
    },
  });
  expect(sent?.headers).toMatchObject({
    "user-agent": expect.stringMatching(/^waygate\//),
    accept: "text/event-stream",
  });
});

test("a client of the same protocol gets its own text into the envelope, and its own settings stay", async () => {
  await using it = await lab();
  const text =
    '{ "contents": [{"role":"user","parts":[{"text":"Hi"}]}], "safetySettings":[], "generationConfig":{"temperature":0.10,"thinkingConfig":{"includeThoughts":false}} }';
  const response = await it.proxy.fetch("/v1beta/models/gemini_cli%2Fgemini-2.5-flash:generateContent", {
    method: "POST",
    headers: { "content-type": "application/json", "x-goog-api-key": clientKey },
    body: text,
  });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    candidates: [{ content: { parts: expect.anything() }, finishReason: "STOP" }],
  });
  expect(it.google.generated[0]?.request).toEqual({
    session_id: expect.any(String),
    contents: [{ role: "user", parts: [{ text: "Hi" }] }],
    safetySettings: [],
    generationConfig: { temperature: 0.1, thinkingConfig: { includeThoughts: false } },
  });
});

test("what users set replaces the usual settings", async () => {
  await using it = await lab({
    cli: { safetySettings: false, generationConfig: {}, thoughts: false, headers: { "User-Agent": "mine" } },
  });
  await it.ask(base);
  const [sent] = it.google.generated;
  expect(Object.keys(sent!.request).sort()).toEqual(["contents", "session_id"]);
  expect(sent?.headers["user-agent"]).toBe("mine");
});

test("models are asked for by the names that accounts know them by", async () => {
  await using it = await lab({ cli: { renames: { "my-pro": "gemini-2.5-pro" } } });
  for (const model of ["gemini-3.5-flash", "gemini-2.5-flash:thinking", "my-pro", "gemini-9-new"]) {
    await it.ask({ ...base, model: `gemini_cli/${model}` });
  }
  expect(it.google.generated.map(({ model }) => model)).toEqual([
    "gemini-3-flash",
    "gemini-2.5-flash",
    "gemini-2.5-pro",
    "gemini-9-new",
  ]);
});

test("models that do not think are not told to", async () => {
  await using it = await lab();
  const { status } = await it.ask({ ...base, model: "gemini_cli/gemma-4-31b-it" });
  expect([status, it.google.generated[0]?.request["generationConfig"]]).toEqual([200, { temperature: 1 }]);
});

test("penalties are left out, because the models refuse them, and that is told", async () => {
  await using it = await lab();
  const { status } = await it.ask({ ...base, presence_penalty: 0.5, frequency_penalty: 0 });
  expect(status).toBe(200);
  const { outcome } = await it.proxy.recorded(1);
  expect(outcome.losses.map(({ where }) => where)).toEqual(["presencePenalty"]);
});

test("an explicit cache is refused with a way out", async () => {
  await using it = await lab();
  const response = await it.proxy.fetch("/v1beta/models/gemini_cli%2Fgemini-2.5-flash:generateContent", {
    method: "POST",
    headers: { "content-type": "application/json", "x-goog-api-key": clientKey },
    body: JSON.stringify({ contents: [{ parts: [{ text: "Hi" }] }], cachedContent: "cachedContents/1" }),
  });
  expect([response.status, await response.text()]).toEqual([400, expect.stringContaining("leave cachedContent out")]);
  expect(it.google.generated).toHaveLength(0);
});

test("embeddings are refused with a way out", async () => {
  await using it = await lab();
  const response = await it.proxy.fetch("/v1/embeddings", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${clientKey}` },
    body: JSON.stringify({ model: "gemini_cli/gemini-2.5-pro", input: "Hi" }),
  });
  expect([response.status, await response.text()]).toEqual([400, expect.stringContaining("another provider")]);
});

test("tokens are counted by the service, thoughts as plain words", async () => {
  await using it = await lab();
  const response = await it.proxy.fetch("/v1beta/models/gemini_cli%2Fgemini-2.5-flash:countTokens", {
    method: "POST",
    headers: { "content-type": "application/json", "x-goog-api-key": clientKey },
    body: JSON.stringify({
      contents: [
        { role: "user", parts: [{ text: "one two three" }] },
        { role: "model", parts: [{ text: "four", thought: true, thoughtSignature: "RmFrZQ==" }] },
      ],
    }),
  });
  expect(response.headers.get("x-waygate-estimated")).toBeNull();
  expect(await response.json()).toEqual({ totalTokens: expect.any(Number) });
});

test("paid accounts are asked before free ones", async () => {
  await using it = await lab({
    accounts: {
      "free@example.com": known,
      "pro@example.com": { _proxy_metadata: { project_id: "p", tier_full: "g1-pro-tier" } },
      "ultra@example.com": { _proxy_metadata: { project_id: "p", tier: "ULTRA" } },
    },
  });
  await it.ask(base);
  expect(it.google.generated[0]?.email).toBe("ultra@example.com");
  const priorities = it.proxy.app.credentials.list("gemini_cli").map(({ label, priority }) => [label, priority]);
  expect(Object.fromEntries(priorities)).toEqual({
    "free@example.com": 3,
    "pro@example.com": 2,
    "ultra@example.com": 1,
  });
});

test("google 14.41 models the list does not have are asked for, and a refusal keeps its status", async () => {
  const { noSuchModel } = await import("../_google/failures.ts");
  await using it = await lab({ cli: { models: ["gemini-7-pro"] } });
  it.google.reply(noSuchModel);
  const reply = await it.ask({ ...base, model: "gemini_cli/gemini-8-pro" });
  expect(reply.status).toBe(404);
  const list = await it.proxy.fetch("/v1/models", { headers: { authorization: `Bearer ${clientKey}` } });
  const ids = ((await list.json()) as { data: { id: string }[] }).data.map(({ id }) => id);
  expect(ids).toContain("gemini_cli/gemini-7-pro");
  expect(ids).toContain("gemini_cli/gemini-2.5-pro");
});
