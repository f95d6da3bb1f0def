/** What comes of the variables, seen from the upstreams. */
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { fromEnv } from "waygate/plugins/from-env";
import type { geminiCli } from "waygate/plugins/gemini-cli";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
import {
  answer,
  createTestProxy,
  createUpstream,
  later,
  models,
  status,
  type Step,
  type TestProxy,
  type Upstream,
} from "waygate/testing";
import { clientId } from "../../../plugins/gemini-cli/secret.ts";
import { createGoogle } from "../../accounts/_google/google.ts";
import { says } from "../../accounts/_google/replies.ts";
import { settings } from "../../accounts/gemini-cli/_lab.ts";
import { newFolder, setEnvironment, type Variables } from "./_folder.ts";

/** Where the fake of Google is; the environment has no variable for that. */
const addresses = vi.hoisted(() => ({ of: {} as object }));
vi.mock("waygate/plugins/gemini-cli", async (original) => {
  const { geminiCli: make } = await original<{ readonly geminiCli: typeof geminiCli }>();
  return { geminiCli: (options: object) => make({ ...options, ...addresses.of }) };
});
vi.mock("waygate/plugins/iflow", () => {
  throw new Error("The folder has been deleted.");
});
afterEach(() => void (addresses.of = {}));

interface Lab {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
}

/** A server of one's own with two keys, and nothing that draws lots. */
async function lab(variables: Variables, step: Step = answer({ text: "hello" })): Promise<Lab> {
  const upstream = await createUpstream({ step });
  onTestFinished(() => upstream.close());
  upstream.when({ path: "/models" }, models(["m", "m-preview", "n"]));
  setEnvironment({ LAB_API_BASE: upstream.url, LAB_API_KEYS: "key-1,key-2", ...variables });
  const proxy = await createTestProxy({ plugins: [fromEnv(), resilience()], dataDir: newFolder() });
  onTestFinished(() => proxy.close());
  return { proxy, upstream };
}

const asked = ({ requests }: Upstream): readonly (string | undefined)[] =>
  requests.filter(({ method }) => method === "POST").map(({ key }) => key);

describe("requests in flight", () => {
  /** The most that are there at once, of six sent together. */
  async function most(variables: Variables): Promise<number> {
    let highest = 0;
    const { proxy, upstream } = await lab(variables, () => {
      highest = Math.max(highest, upstream.open);
      return later(answer({ text: "hello" }), { kind: "pause", ms: 30 });
    });
    const replies = await Promise.all(Array.from({ length: 6 }, () => proxy.chat({ model: "lab/m" })));
    expect(replies.map((reply) => reply.status)).toEqual(Array.from({ length: 6 }, () => 200));
    return highest;
  }

  test("are one per key, and the others wait", async () => {
    expect(await most({})).toBe(2);
  });

  test("are as many as the variable says, for the mode in force", async () => {
    expect(await most({ MAX_CONCURRENT_REQUESTS_PER_KEY_LAB: "2" })).toBe(4);
    const byMode = {
      MAX_CONCURRENT_REQUESTS_PER_KEY_LAB_SEQUENTIAL: "3",
      MAX_CONCURRENT_REQUESTS_PER_KEY_LAB_BALANCED: "1",
    };
    expect(await most({ ...byMode, ROTATION_MODE_LAB: "sequential" })).toBe(6);
  });

  test("have no limit where there is no key", async () => {
    expect(await most({ LAB_API_KEYS: "" })).toBe(6);
  });
});

test("ROTATION_MODE_LAB=sequential stays with a key until it rests", async () => {
  const { proxy, upstream } = await lab({ ROTATION_MODE_LAB: "sequential" });
  for (let index = 0; index < 4; index++) {
    const body = { model: "lab/m", messages: [{ role: "user", content: `question ${index}` }] };
    expect((await proxy.chat(body)).status).toBe(200);
  }
  expect(new Set(asked(upstream)).size).toBe(1);
  const [first] = asked(upstream);
  upstream.when({ key: first! }, status(429, { error: { message: "slow down" } }));
  expect((await proxy.chat({ model: "lab/m" })).status).toBe(200);
  expect((await proxy.chat({ model: "lab/m" })).status).toBe(200);
  expect(asked(upstream).filter((key) => key === first)).toHaveLength(5);
});

test("QUOTA_GROUPS_LAB_ALL makes a rest of one model one of the others", async () => {
  const limited = ({ key }: { key: string | undefined }): Step =>
    key === "key-1" ? status(429, { error: { message: "slow down" } }) : answer({ text: "hello" });
  const { proxy, upstream } = await lab({ QUOTA_GROUPS_LAB_ALL: "m,n", LAB_API_KEYS: "key-1" }, limited);
  expect((await proxy.chat({ model: "lab/m" })).status).toBe(429);
  expect((await proxy.chat({ model: "lab/n" })).status).toBe(429);
  expect(asked(upstream)).toEqual(["key-1"]);
});

test("IGNORE_MODELS_LAB and WHITELIST_MODELS_LAB hold for the list and for requests", async () => {
  const { proxy } = await lab({ IGNORE_MODELS_LAB: "*", WHITELIST_MODELS_LAB: "m" });
  expect((await proxy.chat({ model: "lab/n" })).status).toBe(403);
  expect((await proxy.chat({ model: "lab/m" })).status).toBe(200);
});

test("LAB_MODELS has the upstream's own names, and fields for requests that state none", async () => {
  const table = JSON.stringify({ fast: { id: "vendor/fast-1", options: { temperature: 0.2, top_p: 0.5 } }, plain: {} });
  const { proxy, upstream } = await lab({ LAB_MODELS: table });
  await proxy.chat({ model: "lab/fast", temperature: 1 });
  await proxy.chat({ model: "lab/plain" });
  const [first, second] = upstream.requests.filter(({ method }) => method === "POST").map(({ json }) => json);
  expect(first).toMatchObject({ model: "vendor/fast-1", temperature: 1, top_p: 0.5 });
  expect(second).toMatchObject({ model: "plain" });
  expect(second).not.toHaveProperty("temperature");
  await vi.waitFor(() =>
    expect(proxy.app.models.listed("lab")).toEqual(expect.arrayContaining(["fast", "plain", "m"])),
  );
});

test("OVERRIDE_TEMPERATURE_ZERO=remove takes a zero out of requests", async () => {
  const { proxy, upstream } = await lab({ OVERRIDE_TEMPERATURE_ZERO: "remove" });
  await proxy.chat({ model: "lab/m", temperature: 0 });
  expect(upstream.requests.at(-1)?.json).not.toHaveProperty("temperature");
});

test("PROVIDER_PRIORITY_… orders providers that have the same model, and the header says who answered", async () => {
  const other = await createUpstream({ step: answer({ text: "from the other" }) });
  onTestFinished(() => other.close());
  const limited = status(429, { error: { message: "slow down" } });
  const { proxy, upstream } = await lab(
    {
      OTHER_API_BASE: other.url,
      OTHER_MODELS: '["m"]',
      PROVIDER_PRIORITY_OTHER: "2",
      LAB_MODELS: '["m"]',
      PROVIDER_PRIORITY_LAB: "1",
    },
    limited,
  );
  const reply = await proxy.chat({ model: "lab/m" });
  expect(reply.status).toBe(200);
  expect(reply.headers.get("x-fallback-provider")).toBe("other");
  expect(new Set(asked(upstream)).size).toBe(2);
});

describe("accounts in variables", () => {
  test("answer in turn, and an account that is used up leaves the other", async () => {
    const google = await createGoogle({ clients: { [clientId]: "fake-client-secret" } });
    onTestFinished(() => google[Symbol.asyncDispose]());
    google.always(says("hello from an account"));
    addresses.of = { ...settings(google), discover: false, quotaInterval: 0 };
    const account = (email: string, number: number): Variables => {
      const fields = google.oauth.signedIn(email, clientId) as { readonly [field: string]: unknown };
      return {
        [`GEMINI_CLI_${number}_ACCESS_TOKEN`]: String(fields["access_token"]),
        [`GEMINI_CLI_${number}_REFRESH_TOKEN`]: String(fields["refresh_token"]),
        [`GEMINI_CLI_${number}_EXPIRY_DATE`]: String(fields["expiry_date"]),
        [`GEMINI_CLI_${number}_EMAIL`]: email,
        [`GEMINI_CLI_${number}_PROJECT_ID`]: "fancy-words-0a1b2",
        [`GEMINI_CLI_${number}_TIER_FULL`]: "free-tier",
      };
    };
    const { proxy } = await lab({ ...account("mia@example.org", 1), ...account("max@example.org", 2) });
    expect(proxy.app.credentials.list("gemini_cli").map(({ label }) => label)).toEqual([
      "mia@example.org",
      "max@example.org",
    ]);
    const replies = await Promise.all(
      ["one", "two"].map((content) =>
        proxy.chat({ model: "gemini_cli/gemini-2.5-flash", messages: [{ role: "user", content }] }),
      ),
    );
    expect(await Promise.all(replies.map((reply) => reply.text()))).toEqual([
      expect.stringContaining("hello from an account") as string,
      expect.stringContaining("hello from an account") as string,
    ]);
    expect(google.generated.map(({ email }) => email).toSorted()).toEqual(["max@example.org", "mia@example.org"]);
  });

  test("of a provider whose folder has been deleted are told, and the others go on", async () => {
    const { proxy } = await lab({ IFLOW_1_ACCESS_TOKEN: "a", IFLOW_1_REFRESH_TOKEN: "r", IFLOW_1_API_KEY: "k" });
    expect(proxy.logged.join("\n")).toMatch(
      /IFLOW_1_\w+ is for iflow, whose plugin cannot be loaded .*It is left out\./,
    );
    expect((await proxy.chat({ model: "lab/m" })).status).toBe(200);
  });
});

test("a provider of the config and its variables live together", async () => {
  const upstream = await createUpstream({ step: answer({ text: "hello" }) });
  onTestFinished(() => upstream.close());
  const base = { OPENAI_API_KEY: "sk-1", OPENAI_API_BASE: upstream.url };
  setEnvironment({ MAX_CONCURRENT_REQUESTS_PER_KEY_LAB: "2", ...base });
  const own = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["k"], models: ["m"] });
  const proxy = await createTestProxy({ plugins: [own, fromEnv(), resilience()] });
  onTestFinished(() => proxy.close());
  expect((await proxy.chat({ model: "lab/m" })).status).toBe(200);
  expect(proxy.app.providers.map(({ name }) => name)).toEqual(["lab", "openai"]);
});

describe("who is turned away, and what may not be asked for", () => {
  const chat = async (
    { proxy }: Lab,
    body: object = {},
    headers: { readonly [name: string]: string } = {},
  ): Promise<Response> =>
    proxy.fetch("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hello" }], ...body }),
    });

  test("by the page", async () => {
    const found = await lab({ BLOCKED_ORIGINS: "bad.example,worse.example" });
    expect((await chat(found, {}, { referer: "https://worse.example/app" })).status).toBe(403);
    expect((await chat(found)).status).toBe(200);
  });

  test("by the words, which are regular expressions and may hold commas in quotes", async () => {
    const found = await lab({ REJECT_PHRASES: String.raw`never,"for\w+en, ""now"""`, REJECT_MESSAGE: "Not here." });
    const said = async (content: string): Promise<string> =>
      (await chat(found, { messages: [{ role: "user", content }] })).text();
    expect(await said("forbidden")).toContain("hello");
    expect(await said('Forgotten, "now"')).toContain("Not here.");
  });

  test("by the length of the prompt, and answers are cut to what is allowed", async () => {
    const found = await lab({ MAX_CONTEXT_TOKENS_LAB: "50", MAX_OUTPUT_TOKENS_LAB: "7" });
    expect((await chat(found, { messages: [{ role: "user", content: "word ".repeat(500) }] })).status).toBe(400);
    expect((await chat(found, { max_tokens: 100 })).status).toBe(200);
    expect(found.upstream.requests.at(-1)?.json).toMatchObject({ max_tokens: 7 });
  });

  test("requests of one address wait in a queue that shows where they stand", async () => {
    const { proxy } = await lab({ QUEUE_MODE: "fair" });
    expect((await proxy.fetch("/v1/queue")).status).toBe(200);
  });
});
