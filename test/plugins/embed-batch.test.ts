import { afterEach, describe, expect, it } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { embedBatch, type EmbedBatchOptions } from "waygate/plugins/embed-batch";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { rotate } from "waygate/plugins/rotate";
import {
  createTestProxy,
  createUpstream,
  gate,
  later,
  scripted,
  type ScriptRequest,
  silence,
  status,
  type Step,
  type TestProxy,
  virtualClock,
  type VirtualClock,
  virtualTransport,
} from "waygate/testing";
import type { PluginInput } from "waygate";
import { shares } from "../../plugins/embed-batch/split.ts";
import { post, sideProtocols, sideProvider, vectorsFor } from "../server/_side-protocols.ts";

type Sent = { readonly input: string | string[] } & { readonly [field: string]: unknown };

interface Answered {
  readonly data: readonly { readonly embedding: unknown; readonly index: number }[];
  readonly usage: { readonly prompt_tokens: number; readonly total_tokens: number };
}

/** Vectors that tell what they are of; ten tokens for every input. */
const vectors: Step = ({ json }) => {
  const { input, encoding_format: encoding } = json as Sent;
  const inputs = typeof input === "string" ? [input] : input;
  if (inputs.includes("bad")) return status(400, { error: { message: "an input is bad", param: "input" } });
  const vector = (text: string): unknown => {
    const values = [text.length, text.charCodeAt(0)];
    return encoding === "base64" ? Buffer.from(new Float32Array(values).buffer).toString("base64") : values;
  };
  const data = inputs.map((text, index) => ({ object: "embedding", index, embedding: vector(text) }));
  const usage = { prompt_tokens: inputs.length * 10, total_tokens: inputs.length * 10 };
  return status(200, { object: "list", data, model: json["model"], usage });
};

interface Bench extends AsyncDisposable {
  readonly proxy: TestProxy;
  readonly clock: VirtualClock;
  readonly sent: readonly {
    readonly key: string | undefined;
    readonly input: unknown;
    readonly url: string;
    readonly aborted: () => boolean;
  }[];
  ask(input: unknown, more?: object, init?: RequestInit): Promise<Response>;
}

async function bench(
  options: EmbedBatchOptions = {},
  step: Step = vectors,
  plugins: readonly PluginInput[] = [],
): Promise<Bench> {
  const clock = virtualClock();
  const sent: { key: string | undefined; input: unknown; url: string; aborted: () => boolean }[] = [];
  const play = scripted(step);
  const proxy = await createTestProxy({
    plugins: [
      sideProtocols,
      openaiCompatible({ name: "lab", baseURL: "http://lab.invalid/v1", keys: ["a", "b", "c"], models: ["m"] }),
      sideProvider("ones", "single", { baseURL: "http://ones.invalid" }),
      ...plugins,
      embedBatch(options),
    ],
    faults: /./,
    retry: { sameCredential: 0 },
    runtime: {
      clock,
      transport: virtualTransport(
        (wire, call) => {
          const json = JSON.parse(wire.body?.text ?? "{}") as { [field: string]: unknown };
          const key = wire.headers["authorization"]?.slice("Bearer ".length);
          sent.push({ key, input: json["input"] ?? json, url: wire.url, aborted: () => call.signal.aborted });
          return play(wire, call);
        },
        { clock },
      ),
    },
  });
  return {
    proxy,
    clock,
    sent,
    ask: (input, more = {}, init = {}) =>
      proxy.fetch("/v1/embeddings", { ...post({ model: "lab/m", input, ...more }), ...init }),
    [Symbol.asyncDispose]: () => proxy.close(),
  };
}

const read = async (pending: Promise<Response>): Promise<Answered> => {
  const response = await pending;
  expect(response.status).toBe(200);
  return (await response.json()) as Answered;
};
const embeddings = ({ data }: Answered): unknown[] => data.map(({ embedding }) => embedding);

describe("embedBatch()", () => {
  it("sends what is asked for within the wait in one call, and gives each its own vectors", async () => {
    await using lab = await bench();
    const first = lab.ask("aa");
    await lab.clock.advance(60);
    const second = lab.ask(["bbb", "c"]);
    await lab.clock.advance(39);
    expect(lab.sent).toHaveLength(0);
    await lab.clock.advance(1);
    const [one, two] = [await read(first), await read(second)];
    expect(lab.sent.map(({ input }) => input)).toEqual([["aa", "bbb", "c"]]);
    expect(embeddings(one)).toEqual([[2, 97]]);
    expect(embeddings(two)).toEqual([
      [3, 98],
      [1, 99],
    ]);
    expect(two.data.map(({ index }) => index)).toEqual([0, 1]);
  });

  it("sends a request that stays alone as it came", async () => {
    await using lab = await bench();
    const pending = lab.ask("aa", { user: "u" });
    await lab.clock.advance(100);
    await read(pending);
    expect(lab.sent.map(({ input }) => input)).toEqual(["aa"]);
  });

  it("closes a batch that is full at once, and lets no request be torn apart", async () => {
    await using lab = await bench({ size: 3 });
    const pending = [lab.ask("a"), lab.ask("b"), lab.ask(["c", "d"]), lab.ask("e")];
    await lab.clock.advance(0);
    expect(lab.sent.map(({ input }) => input)).toEqual([
      ["a", "b"],
      ["c", "d", "e"],
    ]);
    await Promise.all(pending.map(read));
    const large = lab.ask(["1", "2", "3", "4"]);
    await lab.clock.advance(0);
    await read(large);
    expect(lab.sent).toHaveLength(3);
  });

  it("waits as long as it is told", async () => {
    await using lab = await bench({ wait: 5 });
    const pending = [lab.ask("a"), lab.ask("b")];
    await lab.clock.advance(4);
    expect(lab.sent).toHaveLength(0);
    await lab.clock.advance(1);
    await Promise.all(pending.map(read));
    expect(lab.sent).toHaveLength(1);
  });

  it.each([
    ["the model", { model: "lab/other" }],
    ["the dimensions", { dimensions: 8 }],
    ["the encoding", { encoding_format: "base64" }],
    ["the type of the input", { input_type: "query" }],
    ["the user", { user: "somebody" }],
  ])("keeps requests apart that differ in %s", async (_, more) => {
    await using lab = await bench();
    const pending = [lab.ask("a"), lab.ask("b", more), lab.ask("c"), lab.ask("d", more)];
    await lab.clock.advance(100);
    await Promise.all(pending.map(read));
    expect(lab.sent.map(({ input }) => input)).toEqual([
      ["a", "c"],
      ["b", "d"],
    ]);
  });

  it("gives base64 to those who asked for it", async () => {
    await using lab = await bench();
    const pending = [lab.ask("a", { encoding_format: "base64" }), lab.ask("bb", { encoding_format: "base64" })];
    await lab.clock.advance(100);
    const [, two] = await Promise.all(pending.map(read));
    const bytes = Buffer.from(embeddings(two!)[0] as string, "base64");
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([2, 98]);
  });

  it("splits the tokens by what was sent, so that the parts are the whole", async () => {
    await using lab = await bench({}, () =>
      status(200, {
        data: [0, 1, 2].map((index) => ({ index, embedding: [index] })),
        usage: { prompt_tokens: 100, total_tokens: 100 },
      }),
    );
    const pending = [lab.ask("x".repeat(40)), lab.ask("y".repeat(400)), lab.ask("z".repeat(41))];
    await lab.clock.advance(100);
    const tokens = (await Promise.all(pending.map(read))).map(({ usage }) => usage.prompt_tokens);
    expect(tokens).toEqual([8, 83, 9]);
    const recorded = lab.proxy.records.map(({ outcome }) => outcome.usage?.input);
    expect(recorded.toSorted()).toEqual([8, 83, 9].toSorted());
  });

  it.each([
    [100, [1, 1, 1], [34, 33, 33]],
    [7, [10, 0, 4], [5, 0, 2]],
    [2, [0, 0, 0], [1, 1, 0]],
    [0, [3, 4], [0, 0]],
  ])("splits %i in the proportion of %j", (total, weights, parts) => {
    expect(shares(total, weights)).toEqual(parts);
  });

  it("lets an input that is refused fail its own request only", async () => {
    await using lab = await bench();
    const pending = [lab.ask("a"), lab.ask("bad"), lab.ask("c")];
    await lab.clock.advance(100);
    const [one, two, three] = await Promise.all(pending);
    expect([one!.status, two!.status, three!.status]).toEqual([200, 400, 200]);
    expect(await two!.text()).toContain("an input is bad");
    expect(embeddings((await three!.json()) as Answered)).toEqual([[1, 99]]);
    expect(lab.sent.map(({ input }) => input)).toEqual([["a", "bad", "c"], "a", "bad", "c"]);
  });

  it("blames the key that was used, and no other", async () => {
    const limited: Step = ({ key }) =>
      key === "a" ? status(429, { error: { message: "slow down" } }, { "retry-after": "60" }) : vectors;
    await using lab = await bench({}, limited, [rotate({ mode: "round-robin" }), cooldown()]);
    const pending = [lab.ask("x"), lab.ask("y"), lab.ask("z")];
    await lab.clock.advance(500);
    await Promise.all(pending.map(read));
    const ids = lab.proxy.app.credentials.rests().map(({ target }) => target.credential);
    const used = lab.sent.filter(({ key }) => key === "a");
    expect(used).toHaveLength(1);
    expect(ids).toEqual([lab.proxy.app.credentials.list("lab")[0]!.id]);
  });

  it("tries a batch whose key has failed again with the next key, still as a batch", async () => {
    const refused: Step = ({ key }) => (key === "a" ? status(401, { error: { message: "bad key" } }) : vectors);
    await using lab = await bench({}, refused);
    const pending = [lab.ask("x"), lab.ask("y")];
    await lab.clock.advance(300);
    await Promise.all(pending.map(read));
    expect(lab.sent.map(({ key, input }) => [key, input])).toEqual([
      ["a", ["x", "y"]],
      ["b", ["x", "y"]],
    ]);
  });

  it("asks one by one when an answer has not one vector for each input", async () => {
    const short: Step = (request: ScriptRequest) =>
      Array.isArray(request.json["input"]) ? status(200, { data: [{ index: 0, embedding: [1] }] }) : vectors;
    await using lab = await bench({}, short);
    const pending = [lab.ask("x"), lab.ask("yy")];
    await lab.clock.advance(100);
    expect((await Promise.all(pending.map(read))).map(embeddings)).toEqual([[[1, 120]], [[2, 121]]]);
  });

  it("gives up a batch whose answer stops in the middle", async () => {
    const held = gate();
    const stuck: Step = { ...status(200, ""), body: [Buffer.from("{"), held] } as Step;
    await using lab = await bench({}, (request) => (request.key === "a" ? stuck : vectors));
    const pending = [lab.ask("x"), lab.ask("y")];
    await lab.clock.advance(200_000);
    await Promise.all(pending.map(read));
    expect(lab.proxy.records[0]!.ctx.attempts[0]!.error?.kind).toBe("timeout");
  });

  it("is not told apart from a single call by protocols with a path of their own for several texts", async () => {
    await using lab = await bench({}, (request) => status(200, vectorsFor(request.json)));
    const ask = (text: string): Promise<Response> =>
      lab.proxy.fetch("/single/ones/m:one", post({ text, kind: "QUERY" }));
    const pending = [
      ask("a"),
      ask("bb"),
      lab.proxy.fetch("/v1/list/embed", post({ model: "ones/m", texts: ["ccc"], purpose: "QUERY" })),
    ];
    await lab.clock.advance(100);
    const [one, two, three] = await Promise.all(pending.map(async (each) => (await each).json()));
    expect([one, two, three]).toEqual([{ values: [1, 1] }, { values: [2, 1] }, { vectors: [[3, 1]] }]);
    expect(lab.sent.map(({ url, input }) => [url, input])).toEqual([
      ["http://ones.invalid/single/m:all", { all: [{ text: "a" }, { text: "bb" }, { text: "ccc" }], kind: "QUERY" }],
    ]);
  });

  describe("a client that leaves", () => {
    it("is left out of a batch that waits", async () => {
      await using lab = await bench();
      const leaving = new AbortController();
      const gone = lab.ask("gone", {}, { signal: leaving.signal });
      const stays = lab.ask("stays");
      const also = lab.ask("also");
      await lab.clock.advance(50);
      leaving.abort();
      await lab.clock.advance(50);
      expect((await gone).status).toBe(499);
      await Promise.all([stays, also].map(read));
      expect(lab.sent.map(({ input }) => input)).toEqual([["stays", "also"]]);
    });

    it("leaves the call to the others, also as the one whose key it goes out with", async () => {
      const held = gate();
      await using lab = await bench({}, later(vectors, held));
      const leaving = new AbortController();
      const gone = lab.ask("gone", {}, { signal: leaving.signal });
      const stays = lab.ask("stays");
      await lab.clock.advance(100);
      expect(lab.sent).toHaveLength(1);
      leaving.abort();
      expect((await gone).status).toBe(499);
      expect(lab.sent[0]!.aborted()).toBe(false);
      held.open();
      await lab.clock.advance(1);
      expect(embeddings(await read(stays))).toEqual([[5, 115]]);
      expect(lab.sent.map(({ input }) => input)).toEqual([["gone", "stays"]]);
    });

    it("ends the call as the last one", async () => {
      await using lab = await bench({}, silence());
      const [first, last] = [new AbortController(), new AbortController()];
      const pending = [lab.ask("x", {}, { signal: first.signal }), lab.ask("y", {}, { signal: last.signal })];
      await lab.clock.advance(100);
      first.abort();
      await lab.clock.advance(1);
      expect(lab.sent[0]!.aborted()).toBe(false);
      last.abort();
      await lab.clock.advance(1);
      expect(lab.sent[0]!.aborted()).toBe(true);
      expect((await Promise.all(pending)).map(({ status: code }) => code)).toEqual([499, 499]);
    });

    it("leaves nothing behind as the last one of a batch that waits", async () => {
      await using lab = await bench();
      const leaving = new AbortController();
      const gone = lab.ask("x", {}, { signal: leaving.signal });
      await lab.clock.advance(10);
      leaving.abort();
      await gone;
      await lab.clock.advance(200);
      expect(lab.sent).toHaveLength(0);
      const pending = [lab.ask("y"), lab.ask("z")];
      await lab.clock.advance(100);
      await Promise.all(pending.map(read));
      expect(lab.sent).toHaveLength(1);
    });
  });

  describe("over sockets", () => {
    const open: AsyncDisposable[] = [];
    afterEach(async () => {
      for (const each of open.splice(0)) await each[Symbol.asyncDispose]();
    });

    it("answers many clients from one call", async () => {
      const upstream = await createUpstream({ step: vectors });
      const proxy = await createTestProxy({
        listen: true,
        plugins: [
          openaiCompatible({ name: "lab", baseURL: upstream.url, keys: ["a", "b"], models: ["m"] }),
          embedBatch({ size: 20, wait: 60_000 }),
        ],
      });
      open.push(proxy, upstream);
      const texts = Array.from({ length: 20 }, (_, index) => "t".repeat(index + 1));
      const answers = await Promise.all(
        texts.map((input) => read(proxy.fetch("/v1/embeddings", post({ model: "lab/m", input })))),
      );
      expect(answers.map((answer) => embeddings(answer)[0])).toEqual(texts.map((text) => [text.length, 116]));
      expect(upstream.requests).toHaveLength(1);
      expect(answers.reduce((sum, { usage }) => sum + usage.total_tokens, 0)).toBe(200);
    });
  });
});
