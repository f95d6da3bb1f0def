import { expect, onTestFinished, test } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { gemini } from "waygate/plugins/gemini";
import { createTestProxy, createUpstream, type ScriptRequest, status, type Step } from "waygate/testing";
import { forwardClock } from "../accounts/_clock.ts";

const DAY = 86_400_000;

/** What the free tier answers for a model that is no part of it. */
const notFree = status(429, {
  error: {
    code: 429,
    status: "RESOURCE_EXHAUSTED",
    message:
      "You exceeded your current quota.\n* Quota exceeded for metric: generate_content_free_tier_requests, limit: 0, model: gemini-2.5-pro\nPlease retry in 30.5s.",
    details: [
      {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        violations: [{ quotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier" }],
      },
      { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "30s" },
    ],
  },
});
const says = status(200, {
  candidates: [{ content: { role: "model", parts: [{ text: "Hello." }] }, finishReason: "STOP" }],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
});

test("google 14.11 a limit of 0 keeps a key from that model for a day, and from no other", async () => {
  const asked: string[] = [];
  const step: Step = ({ path, headers }: ScriptRequest) => {
    const model = /models\/([^:]+):/.exec(path)?.[1] ?? "";
    const key = String(headers["x-goog-api-key"]);
    asked.push(`${key} ${model}`);
    return key === "free" && model === "gemini-2.5-pro" ? notFree : says;
  };
  const upstream = await createUpstream({ base: "/v1beta", step });
  const clock = forwardClock();
  const proxy = await createTestProxy({
    plugins: [gemini({ baseURL: upstream.url, keys: ["free", "paid"], discover: false }), cooldown()],
    runtime: { clock },
    retry: { queueWait: 0 },
  });
  onTestFinished(async () => {
    await proxy.close();
    await upstream.close();
  });
  const ask = async (model: string): Promise<readonly string[]> => {
    const { status: code } = await proxy.chat({ model: `gemini/${model}` });
    expect(code).toBe(200);
    return asked.splice(0);
  };
  const whole = async (model: string): Promise<ReadonlySet<string>> => {
    const all = [];
    for (let turn = 0; turn < 6; turn++) all.push(...(await ask(model)));
    return new Set(all);
  };

  expect(await whole("gemini-2.5-pro")).toEqual(new Set(["free gemini-2.5-pro", "paid gemini-2.5-pro"]));
  // Neither the delay beside it nor the end of Google's day brings it back.
  clock.forward(DAY - 60_000);
  expect(await whole("gemini-2.5-pro")).toEqual(new Set(["paid gemini-2.5-pro"]));
  expect(await whole("gemini-2.5-flash")).toContain("free gemini-2.5-flash");
  clock.forward(120_000);
  expect(await whole("gemini-2.5-pro")).toContain("free gemini-2.5-pro");
});
