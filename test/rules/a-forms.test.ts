/** Rule A18: what is tried again, and where, does not depend on the form of the answer. */
import { describe, expect, it } from "vitest";
import { resilience } from "waygate/plugins/resilience";
import { cooldown } from "waygate/plugins/cooldown";
import { answer, drop, silence, status, type Step } from "waygate/testing";
import { type Lab, lab, type LabOptions, type Reply } from "./_lab.ts";

const messages = [{ role: "user", content: "x" }];
const forms = [
  ["a whole answer", "/v1/chat/completions", { messages }],
  ["a stream", "/v1/chat/completions", { messages, stream: true }],
  ["embeddings", "/v1/embeddings", { input: "x" }],
  ["what is only forwarded", "/v1/moderations", { input: "x" }],
] as const;

/** The usual answer to whatever is asked. */
const usual: Step = (request) => {
  if (request.path.endsWith("/moderations")) return status(200, { id: "m", results: [] });
  if (!request.path.endsWith("/embeddings")) return answer();
  const data = [{ object: "embedding", index: 0, embedding: [1] }];
  return status(200, { object: "list", data, usage: { prompt_tokens: 1, total_tokens: 1 } });
};

type Form = (typeof forms)[number];
interface Asked {
  readonly replies: readonly Pick<Reply, "status" | "took">[];
  readonly calls: readonly string[];
  readonly rests: readonly string[];
}

async function ask(bench: Lab, [, path, body]: Form, headers: { readonly [name: string]: string }): Promise<Reply> {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "smart", ...body }),
  };
  return bench.finish(bench.proxy.fetch(path, init));
}

/** Three requests of that form one after the other, and what became of them. */
async function three(
  form: Form,
  options: LabOptions,
  headers: { readonly [name: string]: string } = {},
): Promise<Asked> {
  await using bench = await lab({
    providers: { lab: ["a", "b", "c"], other: ["x"] },
    models: { smart: ["lab/m", "other/m"] },
    plugins: [cooldown()],
    random: () => 0.5,
    ...options,
  });
  const replies: Pick<Reply, "status" | "took">[] = [];
  for (let count = 0; count < 3; count++) {
    const { status: code, took } = await ask(bench, form, headers);
    replies.push({ status: code, took });
  }
  return { replies, calls: bench.calls.map((call) => `${call.key} ${call.at}`), rests: bench.rests() };
}

const broken = status(500, { error: { message: "Oops" } });
const limited = status(429, { error: { message: "Slow down" } }, { "retry-after": "7" });
const by =
  (steps: { readonly [key: string]: Step }): Step =>
  (request) =>
    steps[request.key ?? ""] ?? usual;

const cases: readonly (readonly [string, LabOptions, { readonly [name: string]: string }])[] = [
  ["a key that fails", { upstream: by({ a: broken }) }, {}],
  ["a key at its limit", { upstream: by({ a: limited }) }, {}],
  ["a lost connection", { upstream: by({ a: drop() }) }, {}],
  [
    "an upstream that stays silent",
    { upstream: by({ a: silence() }), timeouts: { headers: 500, whole: 500, firstToken: 500 } },
    {},
  ],
  ["an invalid key", { upstream: by({ a: status(401, { error: { message: "Incorrect API key provided" } }) }) }, {}],
  ["a provider that is down", { upstream: by({ a: broken, b: broken, c: broken }) }, {}],
  ["everything down", { upstream: broken }, {}],
  ["a fault of the request", { upstream: status(400, { error: { message: "Bad" } }) }, {}],
  ["fallback turned off", { upstream: by({ a: broken, b: broken, c: broken }) }, { "x-waygate-fallback": "off" }],
  ["few attempts", { upstream: by({ a: broken, b: broken, c: broken }), retry: { attempts: 2 } }, {}],
  ["no second try of a key", { upstream: by({ a: broken, b: broken }), retry: { sameCredential: 0 } }, {}],
  [
    "a deadline",
    {
      upstream: by({ a: silence(), b: silence() }),
      timeouts: { headers: 900, whole: 900, firstToken: 900 },
      retry: { deadline: 1000 },
    },
    {},
  ],
];

describe("A18 failures mean the same for every form of answer:", () => {
  it.each(cases)("A18 %s", async (_name, options, headers) => {
    const [first, ...others] = forms;
    const expected = await three(first, options, headers);
    expect(expected.calls.length).toBeGreaterThan(2);
    for (const form of others) expect([form[0], await three(form, options, headers)]).toEqual([form[0], expected]);
  });

  it("A18 and the preset falls over for each of them", async () => {
    for (const form of forms) {
      const options = { upstream: by({ a: broken, b: limited }), plugins: [resilience()] };
      const { replies } = await three(form, options);
      expect([form[0], replies.map((reply) => reply.status)]).toEqual([form[0], [200, 200, 200]]);
    }
  });
});
