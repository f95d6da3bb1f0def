/** Rule H3 as far as a test has time for: what thousands of requests leave behind, with everything that can go wrong. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createConsola } from "consola";
import { expect, it } from "vitest";
import { createProxy } from "waygate";
import { hedge } from "waygate/plugins/hedge";
import { limits } from "waygate/plugins/limits";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { resilience } from "waygate/plugins/resilience";
import { wholeAnswer } from "waygate/plugins/whole-answer";
import {
  answer,
  chunk,
  cut,
  drop,
  errorInside,
  scripted,
  seededRandom,
  silence,
  status,
  type Step,
  stream,
  virtualClock,
  virtualTransport,
} from "waygate/testing";
import { internalsOf } from "../../src/proxy.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const text = "word ".repeat(200);
const half = stream([chunk({ role: "assistant", content: "" }), chunk({ content: text })], { noDone: true });
/** What an upstream does, and seldom what it should not do. */
const fates: readonly Step[] = [
  answer({ text }),
  answer({ text }),
  answer({ text }),
  answer({ text }),
  answer({ text: "" }),
  status(500, { error: { message: text } }),
  status(429, { error: { message: "slow down" } }, { "retry-after": "1" }),
  status(400, { error: { message: "no" } }),
  drop(),
  errorInside({ message: "overloaded", type: "server_error" }),
  half,
  cut(half, 200, "destroy"),
  silence(),
];

it("H3 errors, streams, whole answers and clients that leave keep no memory, no place and no timer", async () => {
  const clock = virtualClock();
  const random = seededRandom(7);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const play = scripted((request) => {
    const fate = pick(fates);
    return typeof fate === "function" ? fate(request) : fate;
  });
  const lab = (name: string) =>
    openaiCompatible({
      name,
      baseURL: `http://${name}.invalid/v1`,
      keys: ["a", "b", "c", "d"].map((key) => `${key}-${name}`),
      models: ["m"],
      limits: { rpm: 1000, tpm: 10_000_000 },
    });
  const proxy = createProxy(
    {
      plugins: [
        lab("one"),
        lab("two"),
        limits({ client: { rpm: 100_000 } }),
        wholeAnswer({ models: ["held"] }),
        hedge({ models: ["raced"], min: 50, max: 200, share: 1 }),
        resilience(),
      ],
      models: { smart: ["one/m", "two/m"], held: ["one/m", "two/m"], raced: ["one/m", "two/m"] },
      timeouts: { headers: 2000, firstToken: 2000, whole: 2000, idle: 2000 },
      retry: { deadline: 10_000, queueWait: 1000 },
      log: { level: "silent", requests: false },
    },
    {
      runtime: { clock, random, transport: virtualTransport(play, { clock }) },
      log: createConsola({ level: -999 }),
      discover: false,
    },
  );
  await proxy.ready();
  let count = 0;
  const ask = async (): Promise<void> => {
    const leaving = new AbortController();
    const isEmbedding = random() < 0.1;
    const isStream = random() < 0.5;
    const messages = [{ role: "user", content: `question ${count++} ${text}` }];
    const model = pick(["smart", "held", "raced", "one/m", `two/made-up-${count % 100}`, `nobody/${count % 100}`]);
    const body = isEmbedding ? { model, input: text } : { model, messages, stream: isStream };
    const path = isEmbedding ? "embeddings" : "chat/completions";
    const leaves = random() < 0.25;
    if (leaves) clock.timer(() => leaving.abort(), Math.floor(random() * 3000));
    const request = new Request(`http://waygate.localhost/v1/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-session-id": `s${count % 100}` },
      body: JSON.stringify(body),
      signal: leaving.signal,
    });
    try {
      const response = await proxy.fetch(request);
      const reader = response.body?.getReader();
      if (leaves && random() < 0.5) await reader?.read().then(() => reader.cancel());
      else while (reader && !(await reader.read()).done);
    } catch {
      // Whoever leaves gets no answer.
    }
  };
  const round = async (requests: number): Promise<void> => {
    for (let left = requests; left > 0; left -= 20) {
      let open = 20;
      for (let index = 0; index < 20; index++) void ask().finally(() => open--);
      for (let step = 0; open > 0 && step < 2000; step++) await clock.advance(50);
      expect(open).toBe(0);
    }
    // Rests end, windows pass.
    await clock.advance(120_000);
  };
  const measure = (): number => {
    for (let time = 0; time < 3; time++) collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };

  await round(1000);
  const before = measure();
  await round(2000);
  const kept = (measure() - before) / 2000;
  const { pool } = internalsOf(proxy).pipeline;
  const inFlight = ["one", "two"].flatMap((name) => pool.list(name)).map(({ id }) => pool.inFlight(id));
  expect([Math.max(...inFlight), pool.room.size]).toEqual([0, 0]);
  // What is remembered is of a hundred conversations and names. A request alone has two kilobytes.
  expect(kept).toBeLessThan(700);
  await proxy.close();
  expect(clock.pending).toBe(0);
}, 60_000);
