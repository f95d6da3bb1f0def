/** Every rule of the simulation can fail: mistakes that are planted on purpose, and the rule that finds each. */
import { type Attempt, type Context, definePlugin, type PluginHooks, type PluginInput } from "waygate";
import { expect, test } from "vitest";
import { refusal } from "../../src/simulation/play.ts";
import type { Upstream } from "../../src/simulation/upstream.ts";
import { type Rule, rules } from "../../src/simulation/invariants.ts";
import { internalsOf } from "../../src/proxy.ts";
import { type CityOptions, runCity } from "./_city.ts";

interface Planted extends Pick<CityOptions, "without" | "before" | "promised"> {
  readonly finds: Rule;
  readonly hooks?: PluginHooks;
}

const plugin = (hooks: PluginHooks): PluginInput => definePlugin({ name: "mistake", hooks });

/** Calls the upstream beside the pipeline; whoever does not wait for it does not hear of its failure. */
function forget(call: Promise<unknown>): void {
  call.catch(() => {});
}

/** Calls the upstream beside the pipeline. */
function sendBeside({ ctx, wire }: Attempt, signal: AbortSignal = new AbortController().signal): Promise<Response> {
  return ctx.app.runtime.transport.send(wire, { signal, connectTimeout: 0, headersTimeout: 0 });
}

const sleep = ({ app }: Context, ms: number): Promise<void> =>
  new Promise((resolve) => void app.runtime.clock.timer(resolve, ms));

const often = ({ app }: Context): boolean => app.runtime.random() < 0.1;

const mistakes: { readonly [mistake: string]: Planted } = {
  "a call goes on after its request has ended": {
    finds: "one-end",
    hooks: {
      record: async (_, ctx) => {
        const last = ctx.attempts.at(-1);
        await sleep(ctx, 60_000);
        if (last) forget(sendBeside(last));
      },
    },
  },
  "a place is taken and never given back": {
    finds: "no-leak",
    before: (world) => {
      const { pool } = internalsOf(world.current().proxy).pipeline;
      const { acquire } = pool.flights;
      let count = 0;
      Object.assign(pool.flights, {
        acquire: (...args: Parameters<typeof acquire>) => {
          const lease = acquire(...args);
          return lease && ++count % 50 === 0 ? { release() {} } : lease;
        },
      });
    },
  },
  "nobody counts the places": { finds: "no-overload", without: ["concurrency"] },
  "nobody counts the requests": {
    finds: "limits-kept",
    without: ["limits"],
    promised: { rations: { key: { rpm: 5 } } },
  },
  "conversations go anywhere": { finds: "affinity-kept", without: ["sticky"], promised: { affinity: true } },
  "a key rests for a month": {
    finds: "rest-ends",
    hooks: {
      record: (_, { app, attempts }) => {
        const [first] = attempts;
        if (!first) return;
        const target = { provider: first.provider.name, credential: first.credential.id };
        const until = app.runtime.clock.now() + 30 * 86_400_000;
        app.credentials.rest(target, { state: "cooling", until, policy: "mistake", reason: "", kind: "failing" });
      },
    },
  },
  "another account is tried where one is banned": {
    finds: "ban-stops",
    before: (_, upstreams) => {
      for (const { keys } of upstreams) for (const key of keys.values()) key.health = "banned";
    },
    hooks: {
      call: async (attempt, next) => {
        const answer = await next();
        if (answer.status !== 403) return answer;
        const headers = { ...attempt.wire.headers, authorization: `Bearer ${attempt.provider.name}-9` };
        const other = { ...attempt.wire, headers };
        forget(sendBeside({ ...attempt, ctx: attempt.ctx, wire: other }));
        return answer;
      },
    },
  },
  "a key is asked right after it was let rest": {
    finds: "no-resting-key",
    hooks: {
      transform: ({ ctx, provider, credential }) => {
        const rest = { state: "cooling", until: ctx.app.runtime.clock.now() + 5000 } as const;
        const target = { provider: provider.name, credential: credential.id };
        if (often(ctx)) ctx.app.credentials.rest(target, { ...rest, policy: "mistake", reason: "", kind: "failing" });
      },
    },
  },
  "two requests try out a key that may be back": {
    finds: "one-probe",
    hooks: {
      transform: ({ ctx, provider, credential, model }) => {
        const target = { provider: provider.name, credential: credential.id, model };
        void ctx.app.credentials.restOf(target);
      },
      call: (attempt, next) => {
        forget(sendBeside(attempt));
        return next();
      },
    },
  },
  "a second call is made when the answer has begun": {
    finds: "no-attempt-after-commit",
    hooks: {
      event: (event, ctx) => {
        const answering = ctx.attempts.at(-1);
        if (event.type === "text-delta" && answering) forget(sleep(ctx, 1).then(() => sendBeside(answering)));
        return event;
      },
    },
  },
  "a policy drops everybody for no reason": {
    finds: "no-starvation",
    hooks: { selectKey: (candidates, ctx) => (often(ctx) ? [] : candidates) },
  },
  "a key is blamed for a client that leaves": {
    finds: "abort-is-neutral",
    hooks: {
      record: ({ end }, { app, attempts }) => {
        const last = attempts.at(-1);
        if (end !== "client-aborted" || !last) return;
        const target = { provider: last.provider.name, credential: last.credential.id };
        const until = app.runtime.clock.now() + 5000;
        app.credentials.rest(target, { state: "cooling", until, policy: "mistake", reason: "", kind: "failing" });
      },
    },
  },
  "a call does not listen to the client": {
    finds: "abort-ends-calls",
    hooks: { call: (attempt) => sendBeside(attempt) },
  },
  "a plugin asks ten times by itself": {
    finds: "attempts-bounded",
    hooks: {
      call: async (attempt, next) => {
        for (let time = 0; time < 10; time++)
          await sendBeside(attempt, attempt.signal).then((answer) => answer.body?.cancel());
        return next();
      },
    },
  },
  "a transform takes ten minutes": {
    finds: "deadline-kept",
    hooks: { transform: ({ ctx }) => (often(ctx) ? sleep(ctx, 600_000) : undefined) },
  },
  "nobody looks at the queue's limit": {
    finds: "queue-bounded",
    hooks: { transform: ({ ctx }) => (often(ctx) ? sleep(ctx, 40_000) : undefined) },
  },
  "a failed key is asked once more, whatever it said": {
    finds: "never-twice",
    hooks: { fail: () => ({ then: "same" }) },
  },
  "a plugin hammers an upstream that refuses": {
    finds: "no-storm",
    before: (_, [first]) => {
      const { answer } = first!;
      const refused = refusal(429, { message: "Rate limit reached.", code: "rate_limit_exceeded" });
      const moody: Upstream["answer"] = (key, call) => (call.request.index % 5 === 0 ? refused : answer(key, call));
      Object.assign(first!, { answer: moody });
    },
    hooks: {
      call: async (attempt, next) => {
        for (let time = 0; time < 5; time++) {
          const answer = await sendBeside(attempt, attempt.signal);
          if (answer.status !== 429) return answer;
        }
        return next();
      },
    },
  },
  "a request that is itself at fault is tried elsewhere": {
    finds: "request-fault-stops",
    hooks: { fail: (error) => (error.kind === "invalid_request" ? { then: "next" } : undefined) },
  },
  "a word of the answer gets lost": {
    finds: "ledger-is-served",
    hooks: { event: (event, ctx) => (event.type === "text-delta" && often(ctx) ? undefined : event) },
  },
  "a record hook fails": {
    finds: "no-fault-logged",
    hooks: {
      record: (_, ctx) => {
        if (often(ctx)) throw new Error("planted");
      },
    },
  },
  "a timer is never cancelled": {
    finds: "free-again",
    hooks: { record: (_, { app }) => void app.runtime.clock.timer(() => {}, 30 * 86_400_000) },
  },
};

test.each(Object.entries(mistakes))("finds it when %s", async (_, { finds, hooks, ...more }) => {
  const extra = (): readonly PluginInput[] => (hooks ? [plugin(hooks)] : []);
  const found = new Set<Rule>();
  for (let seed = 1; seed <= 4 && !found.has(finds); seed++) {
    const { world } = await runCity({ seed, days: 0.2, rough: true, finds, extra, ...more });
    for (const { rule } of world.violations) found.add(rule);
  }
  expect([...found]).toContain(finds);
});

test("every rule has a mistake that it finds", () => {
  expect([...new Set(Object.values(mistakes).map(({ finds }) => finds))].toSorted()).toEqual([...rules].toSorted());
});

test("finds nothing where nothing is planted", async () => {
  const { world } = await runCity({ seed: 1, days: 0.1, rough: true });
  expect(world.violations).toEqual([]);
});
