import { describe, expect, test } from "vitest";
import {
  bareLimit,
  noCapacity,
  noPermission,
  noSubscription,
  projectGone,
  quotaExhausted,
  rateLimited,
  termsViolated,
  unsupportedClient,
  validationRequired,
  wrongPlace,
} from "../_google/failures.ts";
import { says } from "../_google/replies.ts";
import { failure, json } from "../_google/types.ts";
import { known, lab } from "./_lab.ts";

const two = { "a@example.com": known, "b@example.com": known };
const hi = [{ role: "user", content: "Hi" }];

/** Who was asked, by the part before the @. */
function asked({ google }: { google: { generated: readonly { email: string; host: string }[] } }): readonly string[] {
  return google.generated.map(({ email, host }) => `${email.split("@")[0]} ${host}`);
}

describe("hosts", () => {
  test.each([404, 408, 500, 503])("after %i the next one is asked", async (status) => {
    await using it = await lab();
    it.google.reply(failure(status, "UNAVAILABLE", "Try later."));
    expect((await it.ask()).status).toBe(200);
    expect(asked(it)).toEqual(["u daily", "u prod"]);
  });

  test("after a 429 with details none is", async () => {
    await using it = await lab({ retry: { shortWait: 0, queueWait: 0 } });
    it.google.always(rateLimited("30s", "gemini-3-flash"));
    expect((await it.ask()).status).toBe(429);
    expect(asked(it)).toEqual(["u daily"]);
  });
});

describe("a 429 that says nothing", () => {
  test("google 14.16 is asked again, then one other account, then reported; no account rests", async () => {
    await using it = await lab({ accounts: { ...two, "c@example.com": known }, options: { bareWaits: [700] } });
    it.google.always(bareLimit);
    expect((await it.ask()).status).toBe(429);
    expect(asked(it)).toEqual(["a daily", "a prod", "a daily", "a prod", "b daily", "b prod"]);
    await expect.poll(it.rests).toEqual([]);
  });

  test("google 14.44 passes without a trace where the second try is answered", async () => {
    await using it = await lab({ options: { bareWaits: [700] } });
    it.google.reply(bareLimit, bareLimit);
    expect((await it.ask()).status).toBe(200);
    expect(it.rests()).toEqual([]);
  });
});

test("google 14.9 a server without room is asked again, and no account rests", async () => {
  await using it = await lab();
  it.google.reply(noCapacity("gemini-3-flash", 429));
  expect((await it.ask()).status).toBe(200);
  expect(asked(it)).toEqual(["u daily", "u daily"]);
  expect(it.rests()).toEqual([]);
}, 10_000);

test("google 14.2 an account that Google has switched off is asked no more, and none of the others is tried", async () => {
  await using it = await lab({ accounts: two });
  it.google.reply(termsViolated);
  expect((await it.ask()).status).toBe(503);
  expect(it.proxy.app.credentials.rests()[0]?.rest.reason).toContain("https://forms.example.com/appeal");
  expect(asked(it)).toEqual(["a daily"]);
  expect(it.rests()).toEqual(["a@example.com banned"]);
});

test.each([
  ["google 14.1 one whose plan is not served any more", unsupportedClient, "gemini provider"],
  ["one that has to be verified", validationRequired, "https://accounts.google.com/signin/continue"],
])("%s is out of rotation with a reason, and another account answers", async (_, answer, words) => {
  await using it = await lab({ accounts: two });
  it.google.reply(answer);
  expect((await it.ask()).status).toBe(200);
  expect(it.rests()).toEqual(["a@example.com invalid"]);
  expect(it.proxy.app.credentials.rests()[0]?.rest.reason).toContain(words);
});

test.each([
  ["google 14.6", noPermission("fancy-words-0a1b2")],
  ["google 14.45", noSubscription],
  ["google 14.47", projectGone("fancy-words-0a1b2")],
])("%s a project that is refused is looked for once more", async (_, answer) => {
  await using it = await lab();
  it.google.control.project = "other-project";
  // Hosts that do not know it are asked one after the other.
  it.google.always(({ project }) => (project === "other-project" ? says("Hello") : answer));
  const { status, text } = await it.ask();
  expect([status, text]).toEqual([200, expect.stringContaining("Hello")]);
  expect(it.google.generated.at(-1)?.project).toBe("other-project");
});

test("google 14.48 a place that is not served is reported, and no other account is tried", async () => {
  await using it = await lab({ accounts: two });
  it.google.always(wrongPlace);
  const { status, text } = await it.ask();
  expect(status).toBe(400);
  expect(text).toContain("does not offer this service");
  expect(asked(it)).toEqual(["a daily"]);
});

describe("google 14.36 the project in a header", () => {
  test("is left out for an account that is refused with it", async () => {
    await using it = await lab({ options: { userProject: true } });
    const refused = failure(403, "PERMISSION_DENIED", "Caller does not have required permission to use project x.");
    it.google.always(({ headers }) => (headers["x-goog-user-project"] === undefined ? says("Hello") : refused));
    expect((await it.ask()).status).toBe(200);
    expect((await it.ask()).status).toBe(200);
    expect(it.google.generated.map(({ headers }) => headers["x-goog-user-project"])).toEqual([
      "fancy-words-0a1b2",
      undefined,
      undefined,
    ]);
  });

  test("is not sent unless it is wanted", async () => {
    await using it = await lab();
    await it.ask();
    expect(it.google.generated[0]?.headers["x-goog-user-project"]).toBeUndefined();
  });
});

test("google 14.50 a level that is refused goes as a budget", async () => {
  await using it = await lab();
  it.google.reply(failure(400, "INVALID_ARGUMENT", "Unable to submit request because thinkingLevel is not supported."));
  expect((await it.ask({ messages: hi, reasoning_effort: "low" })).status).toBe(200);
  expect(it.sent["generationConfig"]).toMatchObject({
    thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 },
  });
});

describe("google 14.34 a model that does not exist", () => {
  test("is told from one that is used up, by the service's own list", async () => {
    await using it = await lab({ options: { discover: true, models: ["my-model"] } });
    await expect.poll(() => it.google.controlled.some(({ method }) => method === "fetchAvailableModels")).toBe(true);
    await expect.poll(async () => (await it.ask({ model: "antigravity/gemini-9-nonsense" })).status).toBe(404);
    const { status, text } = await it.ask({ model: "antigravity/my-model" });
    expect([status, text]).toEqual([200, expect.any(String)]);
  });

  test("is asked for as long as the list is not known", async () => {
    await using it = await lab();
    expect((await it.ask({ model: "antigravity/gemini-9-new" })).status).toBe(200);
  });
});

describe("what Claude refuses", () => {
  const inner = (message: string, type = "invalid_request_error"): string =>
    JSON.stringify({ type: "error", error: { type, message }, request_id: "req_vrtx_1" });

  test("for its signatures goes once more without thinking", async () => {
    await using it = await lab();
    const message = inner("messages.1.content.0: Invalid `signature` in `thinking` block");
    it.google.reply(failure(400, "INVALID_ARGUMENT", message));
    const ask = { model: "antigravity/claude-opus-4.6", messages: hi };
    expect((await it.ask(ask)).status).toBe(200);
    expect(it.sent["generationConfig"]).toEqual({ maxOutputTokens: 32_000 });
  });

  test("because the prompt is too long is said in the client's words, to nobody else", async () => {
    await using it = await lab({ accounts: two });
    it.google.always(failure(400, "INVALID_ARGUMENT", inner("prompt is too long: 210000 tokens > 200000 maximum")));
    const { status, json: answer } = await it.ask({ model: "antigravity/claude-sonnet-4-6" });
    expect([status, answer.error.code]).toEqual([400, "context_length_exceeded"]);
    expect(asked(it)).toEqual(["a daily"]);
  });

  test("because it is busy lets nothing rest", async () => {
    await using it = await lab();
    it.google.reply(
      json(400, { error: { code: 400, status: "UNAVAILABLE", message: inner("Overloaded", "overloaded_error") } }),
    );
    expect((await it.ask({ model: "antigravity/claude-sonnet-4-6" })).status).toBe(200);
    expect(it.rests()).toEqual([]);
  }, 10_000);
});

test("google 14.19 signatures that Gemini refuses for no reason are left out once", async () => {
  await using it = await lab();
  it.google.reply(failure(400, "INVALID_ARGUMENT", "Corrupted thought signature."));
  const thoughtSignature = it.google.sign("gemini-3-flash");
  const response = await it.generate("gemini-3-flash", {
    contents: [
      { role: "user", parts: [{ text: "Hi" }] },
      { role: "model", parts: [{ functionCall: { id: "a", name: "a", args: {} }, thoughtSignature }] },
      { role: "user", parts: [{ functionResponse: { id: "a", name: "a", response: { output: 1 } } }] },
    ],
  });
  expect(response.status).toBe(200);
  expect(it.google.generated.map(({ request }) => JSON.stringify(request).includes(thoughtSignature))).toEqual([
    true,
    false,
  ]);
  expect(JSON.stringify(it.sent)).toContain("skip_thought_signature_validator");
});

describe("quotas", () => {
  test("google 14.32 a wait of less than a second is none of minutes", async () => {
    await using it = await lab({ accounts: two });
    const since = Date.now();
    it.google.always(({ email }) =>
      email === "a@example.com" && Date.now() < since + 500
        ? rateLimited("539.477544ms", "gemini-3-flash")
        : says("Hi"),
    );
    expect((await it.ask()).status).toBe(200);
    await expect.poll(it.rests, { timeout: 2500 }).toEqual([]);
  });

  test("google 14.33 the newer wording of a reset is read with its time", async () => {
    await using it = await lab({ retry: { queueWait: 0 } });
    const message = "Individual quota reached. Please enable overages to continue. Resets in 71h15m27s.";
    it.google.always(failure(429, "RESOURCE_EXHAUSTED", message));
    const { status, headers } = await it.ask();
    const seconds = 71 * 3600 + 15 * 60 + 27;
    expect([status, Number(headers.get("retry-after"))]).toEqual([429, expect.closeTo(seconds, -1)]);
    expect(it.rests()).toEqual(["u@example.com/gemini-3-flash exhausted"]);
    expect(it.google.generated).toHaveLength(1);
  });

  test("one that is used up is so for all models of its group until the time that was named", async () => {
    await using it = await lab({ retry: { queueWait: 0 } });
    it.google.reply(quotaExhausted(7200, "claude-sonnet-4-6"));
    const first = await it.ask({ model: "antigravity/claude-sonnet-4-6" });
    expect([first.status, Number(first.headers.get("retry-after"))]).toEqual([429, expect.closeTo(7200, -1)]);
    expect((await it.ask({ model: "antigravity/gpt-oss-120b-medium" })).status).toBe(429);
    expect(it.google.generated).toHaveLength(1);
    expect((await it.ask({ model: "antigravity/gemini-3-flash" })).status).toBe(200);
  });
});

test("google 14.41 what the service refuses keeps its status", async () => {
  await using it = await lab({ accounts: two });
  it.google.always(failure(400, "INVALID_ARGUMENT", "Request contains an invalid argument."));
  const { status, json: answer } = await it.ask({ stream: true });
  expect([status, answer.error.message]).toEqual([
    400,
    expect.stringContaining("Request contains an invalid argument."),
  ]);
  expect(asked(it)).toEqual(["a daily"]);
});
