/** The answers in docs/providers.md are those a proxy with the config beside them gives to the curl line above them. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { AnyConfig } from "waygate";
import { createTestProxy, type TestProxy, type Upstream } from "waygate/testing";
import { allRows } from "../plugins/providers/fakes/all.ts";
import { createFake, type Fake } from "../plugins/providers/fakes/fake.ts";
import { answerOf, blocksOf, masked, readAnswer, readCurl, readPage, sectionsOf } from "./_pages.ts";

const page = readPage("docs/providers.md");
const sections = sectionsOf(page);

interface Shown {
  readonly id: string;
  readonly config: () => Promise<{ readonly default: AnyConfig }>;
  /** Fields of the request as it has to reach the provider; `undefined` has to be gone. */
  readonly sent: { readonly [field: string]: unknown };
  readonly headers?: { readonly [name: string]: string };
}

const shown: readonly (readonly [string, Shown])[] = [
  [
    "OpenAI",
    {
      id: "openai",
      config: () => import("../../examples/providers/openai.config.ts"),
      sent: { model: "gpt-5-mini", max_completion_tokens: 200, max_tokens: undefined },
    },
  ],
  [
    "Anthropic",
    {
      id: "anthropic",
      config: () => import("../../examples/providers/anthropic.config.ts"),
      sent: { model: "claude-sonnet-5", system: "Be brief.", max_tokens: 200, stop_sequences: ["END"] },
      headers: { "anthropic-version": "2023-06-01" },
    },
  ],
  [
    "Gemini",
    {
      id: "gemini",
      config: () => import("../../examples/providers/gemini.config.ts"),
      sent: { contents: [{ role: "user", parts: [{ text: "Answer with ok." }] }] },
    },
  ],
  [
    "Groq",
    {
      id: "groq",
      config: () => import("../../examples/providers/groq.config.ts"),
      sent: {
        model: "llama-3.3-70b-versatile",
        store: undefined,
        messages: [{ role: "user", content: "Answer with ok." }],
      },
    },
  ],
  [
    "Mistral",
    {
      id: "mistral",
      config: () => import("../../examples/providers/mistral.config.ts"),
      sent: {
        random_seed: 7,
        seed: undefined,
        user: undefined,
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "Answer with ok." },
        ],
      },
    },
  ],
  [
    "OpenRouter",
    {
      id: "openrouter",
      config: () => import("../../examples/providers/openrouter.config.ts"),
      sent: { model: "anthropic/claude-sonnet-4" },
      headers: { "http-referer": "https://app.example", "x-title": "My app" },
    },
  ],
  [
    "DeepSeek",
    {
      id: "deepseek",
      config: () => import("../../examples/providers/deepseek.config.ts"),
      sent: { model: "deepseek-reasoner", reasoning_effort: "high" },
    },
  ],
];

interface Bench {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
  readonly fake: Fake;
}

async function bench({ id, config }: Shown): Promise<Bench> {
  const { fake } = allRows.find((row) => row.id === id)!;
  const upstream = await createFake(fake);
  vi.stubEnv(`${id.toUpperCase()}_API_BASE`, upstream.url);
  vi.stubEnv(`${id.toUpperCase()}_API_KEY`, "key-of-the-docs");
  vi.resetModules();
  const proxy = await createTestProxy({ ...(await config()).default, listen: true });
  onTestFinished(async () => {
    await proxy.close();
    await upstream.close();
  });
  return { proxy, upstream, fake };
}

/** Asks as the page's curl line does; the answer and what the page says it is, in one form. */
async function ask(proxy: TestProxy, line: string, answer: string): Promise<{ actual: unknown; shown: unknown }> {
  const [url, init] = readCurl(line);
  expect(url).toMatch("http://127.0.0.1:8000/");
  const documented = readAnswer(answer);
  const actual = await answerOf(await fetch(url.replace("http://127.0.0.1:8000", proxy.url), init), documented);
  return { actual: masked(actual, documented), shown: documented };
}

describe("docs/providers.md", () => {
  it.each(shown)("%s answers the curl line as the page says", async (title, entry) => {
    const [line = ""] = blocksOf(sections[title]!, "sh");
    const [answer = ""] = blocksOf(sections[title]!, "http");
    const { proxy, upstream } = await bench(entry);
    const { actual, shown: documented } = await ask(proxy, line, answer);
    expect(actual).toEqual(documented);
    const { json, headers, key } = upstream.requests.find(({ method }) => method === "POST")!;
    const sent = Object.fromEntries(Object.keys(entry.sent).map((field) => [field, json[field]]));
    expect([sent, key]).toEqual([entry.sent, "key-of-the-docs"]);
    expect(headers).toMatchObject(entry.headers ?? {});
  });

  it("shows what becomes of a key the provider refuses", async () => {
    const [title, entry] = shown.find(([, { id }]) => id === "groq")!;
    const [line = ""] = blocksOf(sections[title]!, "sh");
    const [, answer = ""] = blocksOf(sections[title]!, "http");
    const { proxy, upstream, fake } = await bench(entry);
    upstream.always(fake.plays["wrong-key"]!.reply);
    const { actual, shown: documented } = await ask(proxy, line, answer);
    expect(actual).toEqual(documented);
  });

  it("takes every config from a file, which the compiler reads, and shows each of them", () => {
    const files = [...page.matchAll(/^```ts(.*)$/gm)].map(([, file = ""]) => file.trim());
    const ids = [...shown.map(([, { id }]) => id), "ai-sdk"];
    expect(files).toEqual(ids.map((id) => `file=examples/providers/${id}.config.ts`));
  });
});
