/** The parts that providers behind the service share, one by one. */
import { apiKeyCredential, type App, definePlugin, defineProvider, textBody } from "waygate";
import {
  enveloped,
  firstWords,
  googleError,
  linkOf,
  sessionNumber,
  sessionUuid,
  tierOf,
} from "waygate/plugins/code-assist";
import { quotaGroups } from "waygate/plugins/quota-groups";
import { createTestProxy, virtualClock, type VirtualClock } from "waygate/testing";
import { describe, expect, test } from "vitest";
import { type QuotaReading, type QuotaWatch, quotaWatch } from "../../../plugins/code-assist/quota.ts";
import { unwrapResponses } from "../../../plugins/code-assist/unwrap.ts";
import { lab } from "./_lab.ts";

describe("envelopes", () => {
  test("go around the text of a request, of which nothing is made anew", () => {
    const request = textBody('{ "big": 12345678901234567890, "one": 1.0 }');
    expect(enveloped({ model: "m" }, request, { session_id: "s" }).text).toBe(
      '{"model":"m","request":{"session_id":"s", "big": 12345678901234567890, "one": 1.0 }}',
    );
    expect(enveloped({}, textBody("{}"), { a: 1 }).json).toEqual({ request: { a: 1 } });
  });

  test("come off answers the same way, wherever the response stands in them", () => {
    const { message, body } = unwrapResponses();
    const inner = '{"n":1.0,"text":"\\"response\\":{"}';
    for (const data of [
      `{"response":${inner},"traceId":"t"}`,
      `{"traceId":"t","response": ${inner} }`,
      `[{"response":${inner}}]`,
    ]) {
      expect(message({ data })).toEqual({ data: inner });
      expect(body?.(data)).toBe(inner);
    }
    const error = { data: '{"error":{"code":500}}' };
    expect(message(error)).toBe(error);
  });

  test("name a conversation by the user's first words", () => {
    const body = textBody(
      '{"contents":[{"role":"model","parts":[{"text":"no"}]},{"parts":[{"inlineData":{}},{"text":"Hi"}]}]}',
    );
    expect(firstWords(body)).toBe("Hi");
    expect(sessionNumber("Hi")).toBe("-3907417815613420147");
    expect(sessionUuid("Hi")).toBe("3639efcd-08ab-b273-b161-9e82e78c29a7");
  });
});

describe("errors of the service", () => {
  test("are read from a list, from text within text, and with commas too many", () => {
    const error =
      '{"error":{"code":429,"message":"Slow.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x.ErrorInfo","reason":"QUOTA_EXHAUSTED"}]}}';
    for (const text of [error, `[${error}]`, error.replace('"code":429,', '"code":429,,'), JSON.stringify({ error })]) {
      expect(googleError(text)).toMatchObject({
        code: 429,
        message: "Slow.",
        reasons: ["QUOTA_EXHAUSTED"],
        detailed: true,
      });
    }
    expect(googleError('{"error":{"code":403,"errors":[{"reason":"rateLimitExceeded"}]}}')?.reasons).toEqual([
      "rateLimitExceeded",
    ]);
    expect(googleError('{"error":"Slow."}')).toMatchObject({ message: "Slow.", detailed: false });
  });

  test("of the service behind it are read from the message that quotes them", () => {
    const message = JSON.stringify({
      type: "error",
      error: { type: "invalid_request_error", message: "prompt is too long" },
    });
    expect(googleError(JSON.stringify({ error: { code: 400, message } }))?.message).toBe("prompt is too long");
  });

  test.each(["", "<html>Error</html>", "[]", "{}", "null", '{"candidates":[]}', "{"])("are not seen in %j", (text) => {
    expect(googleError(text)).toBeUndefined();
  });

  test("name the address that helps", () => {
    const text = JSON.stringify({
      error: {
        message: "m",
        details: [
          { "@type": "x.ErrorInfo", reason: "R", metadata: { appeal_url: "https://a", other: "https://b" } },
          { links: [{ url: "https://c" }] },
        ],
      },
    });
    const error = googleError(text)!;
    expect([linkOf(error, "appeal_url"), linkOf(error), error.links]).toEqual([
      "https://a",
      "https://a",
      ["https://a", "https://b", "https://c"],
    ]);
  });
});

test("plans have their order, and those nobody knows come last", () => {
  const priorities = ["g1-ultra-tier", "standard-tier", "free-tier", "new-tier", undefined].map(
    (id) => tierOf(id).priority,
  );
  expect(priorities).toEqual([1, 2, 3, 10, 10]);
});

describe("what is left", () => {
  const provider = defineProvider({
    name: "acc",
    protocol: "openai-chat",
    models: ["m", "n"],
    groupOf: () => "all",
    prepare: (wire) => wire,
  });
  const credential = apiKeyCredential("acc", "key-of-a-test");

  /** A watch in virtual time, and how often it has looked. */
  async function watching(left: () => QuotaReading): Promise<{
    readonly clock: VirtualClock;
    readonly app: App;
    readonly watch: QuotaWatch;
    looks(): number;
    [Symbol.asyncDispose](): Promise<void>;
  }> {
    const clock = virtualClock();
    const proxy = await createTestProxy({
      plugins: [
        definePlugin({ name: "acc", providers: [provider], setup: ({ credentials }) => credentials.add(credential) }),
      ],
      runtime: { clock },
    });
    const { app } = proxy;
    let looks = 0;
    const read = (): Promise<readonly QuotaReading[]> => {
      looks++;
      return Promise.resolve([left()]);
    };
    const watch = quotaWatch({ provider: "acc", interval: 30_000, read });
    watch.start(app);
    return {
      ...{ clock, app, watch, looks: () => looks },
      async [Symbol.asyncDispose]() {
        watch.stop(app);
        await proxy.close();
      },
    };
  }

  test("A22 ends the rest of a quota only when it was asked for well after the last request", async () => {
    let reading: QuotaReading = { model: "m", left: 0 };
    await using it = await watching(() => reading);
    it.watch.used(it.app, credential.id, "m");
    await it.clock.advance(1000);
    const resting = (): string | undefined => it.app.credentials.resting({ provider, credential, model: "n" })?.state;
    // Without a time it rests until it is looked at again.
    expect(resting()).toBe("exhausted");
    const until = it.clock.now() + 7_200_000;
    const rest = { state: "exhausted", until, policy: "test", reason: "429", kind: "quota_exhausted" } as const;
    it.app.credentials.rest({ provider: "acc", credential: credential.id, model: "m" }, rest);
    reading = { model: "m", left: 0.5 };
    await it.clock.advance(30_000);
    expect(resting()).toBe("exhausted");
    await it.clock.advance(60_000);
    expect(resting()).toBeUndefined();
  });

  test("is asked for once at the start, and then for accounts that were used within the hour", async () => {
    await using it = await watching(() => ({ model: "m", left: 1 }));
    await it.clock.advance(600_000);
    expect(it.looks()).toBe(1);
    it.watch.used(it.app, credential.id, "m");
    await it.clock.advance(300_000);
    expect(it.looks()).toBe(11);
    await it.clock.advance(2 * 3_600_000);
    const looks = it.looks();
    await it.clock.advance(600_000);
    expect(it.looks()).toBe(looks);
  });
});

test("groups that users name go before those a provider knows", async () => {
  const own = { gemini_cli: { mine: ["gemini-2.5-pro", "gemini-2.5-flash"] } };
  await using it = await lab({ plugins: [quotaGroups(own)] });
  const { credentials } = it.proxy.app;
  expect(
    ["gemini-2.5-pro", "gemini-2.5-flash", "gemini-3-pro-preview", "gemma-4-31b-it"].map((model) =>
      credentials.scope("gemini_cli", model),
    ),
  ).toEqual(["mine", "mine", "pro", "gemma-4-31b-it"]);
  await using none = await lab({ cli: { quotaGroups: false } });
  expect(none.proxy.app.credentials.scope("gemini_cli", "gemini-2.5-pro")).toBe("gemini-2.5-pro");
});
