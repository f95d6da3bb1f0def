/** What every provider must do, as one call in a plugin author's test. */
import type { Plugin } from "../plugin/app.ts";
import { allEvents, textOfEvents } from "./sse-client.ts";
import { answer, errorInside, models } from "./answer.ts";
import { html, reset, silence, status, type Step } from "./script.ts";
import { createTestProxy, type TestProxy } from "./test-proxy.ts";
import { createUpstream, type Received, type Upstream } from "./upstream.ts";

export interface ProviderTest {
  /** Makes the plugin under test, talking to `baseURL` with these keys. */
  readonly plugin: (options: { readonly baseURL: string; readonly keys: readonly string[] }) => Plugin;
  /** A model to ask for, without the provider's name. */
  readonly model: string;
  /** The answer of a healthy upstream; default: a plain OpenAI chat answer. */
  readonly answer?: (text: string) => Step;
  /** True for an upstream that takes only the fields it knows: the others must not reach it. */
  readonly closedSchema?: boolean;
  /** How the key should arrive. Default: `authorization: Bearer KEY`. */
  readonly signed?: (headers: { readonly [name: string]: string }, key: string) => boolean;
}

const client = "client-key-that-must-stay-here";

interface Check {
  readonly title: string;
  readonly run: (bench: Bench) => Promise<void>;
}

interface Bench {
  readonly proxy: TestProxy;
  readonly upstream: Upstream;
  readonly model: string;
  readonly test: ProviderTest;
  readonly say: (text: string) => Step;
}

/**
 * Runs every check against a scripted upstream on loopback and throws one error that lists all that failed. Needs no
 * test runner: call it inside a test.
 */
export async function testProvider(test: ProviderTest): Promise<void> {
  const failed: string[] = [];
  for (const check of checks) {
    await using upstream = await createUpstream();
    // Providers may ask for models at any time, which must not use up what a check has scripted.
    upstream.when({ method: "GET" }, models([test.model]));
    const plugin = test.plugin({ baseURL: upstream.url, keys: ["provider-key-one", "provider-key-two"] });
    const provider = plugin.providers?.[0];
    if (!provider) throw new Error(`testProvider: the plugin "${plugin.name}" brings no provider.`);
    const proxy = await createTestProxy({ plugins: [plugin], faults: /./, retry: { sameCredential: 0 } });
    const say = test.answer ?? ((text: string) => answer({ text }));
    try {
      await check.run({ proxy, upstream, model: `${provider.name}/${test.model}`, test, say });
    } catch (error) {
      failed.push(`- ${check.title}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      await proxy.close();
    }
  }
  if (failed.length > 0) throw new Error(`testProvider found ${failed.length} faults:\n${failed.join("\n")}`);
}

function hold(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** The first request that is no look-up of models. */
async function asked(upstream: Upstream): Promise<Received> {
  for (let count = 1; ; count++) {
    const request = await upstream.received(count);
    if (request.method !== "GET") return request;
  }
}

/** The content of a chat completion. */
function contentOf(text: string): unknown {
  const { choices } = JSON.parse(text) as { choices?: { message?: { content?: unknown } }[] };
  return choices?.[0]?.message?.content;
}

async function failsOver(bench: Bench, step: Step, kind: string): Promise<void> {
  bench.upstream.reply(step, bench.say("second"));
  const response = await bench.proxy.chat({ model: bench.model });
  const { ctx } = await bench.proxy.recorded(1);
  hold(
    response.status === 200,
    `expected the second key to answer, got status ${response.status}: ${await response.text()}`,
  );
  const seen = ctx.attempts[0]?.error?.kind;
  hold(seen === kind, `expected the failure to be read as ${kind}, it was read as ${seen}`);
}

const checks: readonly Check[] = [
  {
    title: "answers whole",
    async run({ proxy, upstream, model, say }) {
      upstream.always(say("Grüße 👋"));
      const response = await proxy.chat({ model });
      const text = await response.text();
      hold(response.status === 200, `status ${response.status}: ${text}`);
      hold(contentOf(text) === "Grüße 👋", `the answer's content was not where the protocol has it: ${text}`);
    },
  },
  {
    title: "answers as a stream",
    async run({ proxy, upstream, model, say }) {
      upstream.always(say("Grüße 👋"));
      const response = await proxy.chat({ model, stream: true });
      hold(response.status === 200, `status ${response.status}`);
      const text = textOfEvents(await allEvents(response));
      hold(text === "Grüße 👋", `the streamed text was ${JSON.stringify(text)}`);
    },
  },
  {
    title: "signs with its own key and never with the client's",
    async run({ proxy, upstream, model, test, say }) {
      upstream.always(say("ok"));
      await proxy.chat({ model }, { headers: { authorization: `Bearer ${client}`, "x-api-key": client } });
      const { headers } = await asked(upstream);
      const signed = test.signed ?? ((sent, key) => sent["authorization"] === `Bearer ${key}`);
      hold(signed(headers, "provider-key-one"), "the provider's key was not in the request");
      hold(!JSON.stringify(headers).includes(client), "the client's key was sent to the provider");
    },
  },
  {
    title: "keeps fields it does not know, unless the upstream refuses them",
    async run({ proxy, upstream, model, test, say }) {
      upstream.always(say("ok"));
      await proxy.chat({ model, field_of_next_year: { deep: [1, 2, 3] } });
      const { json } = await asked(upstream);
      const kept = JSON.stringify(json).includes('"field_of_next_year":{"deep":[1,2,3]}');
      if (test.closedSchema) hold(!("field_of_next_year" in json), "an unknown field was sent");
      else hold(kept, "an unknown field was lost");
    },
  },
  {
    title: "goes to the next key after 401",
    run: (bench) => failsOver(bench, status(401, { error: { message: "Invalid API key" } }), "credential_invalid"),
  },
  {
    title: "goes to the next key after 429",
    run: (bench) =>
      failsOver(bench, status(429, { error: { message: "Slow down" } }, { "retry-after": "20" }), "rate_limited"),
  },
  {
    title: "goes to the next key after 500",
    run: (bench) => failsOver(bench, status(500, { error: { message: "Oops" } }), "upstream"),
  },
  {
    title: "goes to the next key after an error inside a 200",
    async run(bench) {
      const inside = errorInside({ message: "Server overloaded", type: "server_error" });
      bench.upstream.reply(inside, bench.say("second"));
      const response = await bench.proxy.chat({ model: bench.model, stream: true });
      const text = textOfEvents(await allEvents(response));
      hold(text === "second", `the client was given ${JSON.stringify(text)}`);
    },
  },
  {
    title: "goes to the next key after an HTML page",
    async run({ proxy, upstream, model, say }) {
      upstream.reply(html(), say("second"));
      const response = await proxy.chat({ model });
      hold((await response.text()).includes("second"), "the page was taken for an answer");
    },
  },
  {
    title: "goes to the next key after a lost connection",
    run: (bench) => failsOver(bench, reset(), "network"),
  },
  {
    title: "stops the upstream when the client leaves",
    async run({ proxy, upstream, model }) {
      upstream.always(silence());
      const leave = new AbortController();
      const pending = proxy.chat({ model }, { signal: leave.signal });
      const request = await asked(upstream);
      leave.abort();
      await pending.catch(() => undefined);
      const how = await request.closed;
      hold(how === "client", `the upstream's request ended as "${how}"`);
    },
  },
];
