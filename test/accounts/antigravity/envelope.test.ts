import { expect, test } from "vitest";
import { lab } from "./_lab.ts";

const hi = [{ role: "user", content: "Hi" }];

test("a request is put into Antigravity's envelope with the account's project, and always streamed", async () => {
  await using it = await lab();
  const reply = await it.ask({ messages: hi });
  expect([reply.status, reply.text]).toEqual([200, expect.stringContaining("Hello from the fake.")]);
  const [sent] = it.google.generated;
  expect(sent?.method).toBe("streamGenerateContent");
  expect(sent?.host).toBe("daily");
  expect(sent?.body).toEqual({
    project: "fancy-words-0a1b2",
    model: "gemini-3-flash",
    userAgent: "antigravity",
    requestType: "agent",
    requestId: expect.stringMatching(/^agent-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    request: {
      // SHA-256 of "Hi".
      sessionId: "-3907417815613420147",
      contents: [{ role: "user", parts: [{ text: "Hi" }] }],
      generationConfig: { thinkingConfig: { includeThoughts: true, thinkingLevel: "high" } },
    },
  });
  expect(sent?.headers).toMatchObject({
    "user-agent": expect.stringMatching(/^antigravity\/2\.9\.1 \w+\/\w+$/),
    "x-goog-api-client": expect.anything(),
    accept: "text/event-stream",
  });
});
