import { describe, expect, it } from "vitest";
import {
  type Context,
  definePlugin,
  type MaybePromise,
  type Plugin,
  type PluginHooks,
  ProxyError,
  type StreamEvent,
} from "waygate";
import {
  type BoundHook,
  callHook,
  compileHooks,
  eventChain,
  first,
  onion,
  parallel,
  series,
} from "../../src/pipeline/hooks.ts";

const ctx = {} as Context;
const later = <T>(value: T): Promise<T> => new Promise((resolve) => setImmediate(resolve, value));

function plugin(name: string, hooks: PluginHooks): Plugin {
  return definePlugin({ name, hooks });
}

function bound<F>(name: string, handler: F, more: Partial<BoundHook<F>> = {}): BoundHook<F> {
  return {
    plugin: name,
    span: `filter ${name}`,
    when: undefined,
    precedence: "balance",
    spread: false,
    handler,
    ...more,
  };
}

async function failure(run: () => unknown): Promise<Error> {
  try {
    await run();
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
}

describe("the order of hooks", () => {
  const names = (list: readonly BoundHook<unknown>[]): string => list.map((hook) => hook.plugin).join(" ");

  it("is that of the config, with pre before and post behind", () => {
    const filter = (): void => {};
    const compiled = compileHooks([
      plugin("last", { filter: { order: "post", handler: filter } }),
      plugin("one", { filter }),
      plugin("first", { filter: { order: "pre", handler: filter } }),
      plugin("none", {}),
      plugin("two", { filter: { handler: filter } }),
    ]);
    expect(names(compiled.filter)).toBe("first one two last");
    expect(compiled.record).toEqual([]);
  });

  it("of selectKey is that of the precedence, whatever pre and post say, and of the config within one", () => {
    const handler = (list: readonly never[]): readonly never[] => list;
    const compiled = compileHooks([
      plugin("tier-a", { selectKey: { precedence: "tier", handler } }),
      plugin("plain", { selectKey: handler }),
      plugin("affinity", { selectKey: { precedence: "affinity", order: "pre", handler } }),
      plugin("drop", { selectKey: { precedence: "drop", order: "post", handler } }),
      plugin("balance-post", { selectKey: { precedence: "balance", order: "post", handler } }),
      plugin("balance", { selectKey: { precedence: "balance", handler } }),
      plugin("tier-b", { selectKey: { precedence: "tier", handler } }),
    ]);
    // What runs last counts most.
    expect(names(compiled.selectKey)).toBe("drop plain balance balance-post affinity tier-a tier-b");
  });
});

describe("first wins", () => {
  it("asks until one knows an answer; undefined and null decline, and so does when", async () => {
    const asked: string[] = [];
    const hook = (name: string, answer: unknown, when?: () => boolean): BoundHook<() => unknown> =>
      bound(name, () => (asked.push(name), answer), { when });
    const hooks = [
      hook("a", undefined),
      hook("b", null),
      hook("c", "no", () => false),
      hook("d", later(undefined)),
      hook("e", later("yes")),
      hook("f", "late"),
    ];
    expect(await first(hooks, undefined, ctx, (each) => each.handler() as string)).toBe("yes");
    expect(asked).toEqual(["a", "b", "d", "e"]);
    expect(await first(hooks.slice(0, 4), undefined, ctx, (each) => each.handler() as string)).toBeUndefined();
  });
});

describe("series", () => {
  it("runs one after the other and stays synchronous as long as the hooks are", async () => {
    const done: string[] = [];
    const sync = bound<() => MaybePromise<void>>("sync", () => void done.push("sync"));
    const slow = bound<() => MaybePromise<void>>("slow", () => later(undefined).then(() => void done.push("slow")));
    expect(series([sync, sync], undefined, ctx, (hook) => hook.handler())).toBeUndefined();
    await series(
      [
        sync,
        slow,
        sync,
        bound<() => MaybePromise<void>>("skipped", () => void done.push("skipped"), { when: () => false }),
      ],
      undefined,
      ctx,
      (hook) => hook.handler(),
    );
    expect(done).toEqual(["sync", "sync", "sync", "slow", "sync"]);
  });

  it("ends with the first failure", async () => {
    const done: string[] = [];
    const hooks = [
      bound<() => MaybePromise<void>>("bad", () => Promise.reject(new Error("no"))),
      bound<() => MaybePromise<void>>("next", () => void done.push("next")),
    ];
    expect((await failure(() => series(hooks, undefined, ctx, (hook) => hook.handler()))).message).toBe(
      "[bad] filter: no",
    );
    expect(done).toEqual([]);
  });
});

describe("the onion", () => {
  const layer = (name: string, log: string[]): BoundHook<(next: () => Promise<string>) => Promise<string>> =>
    bound(name, async (next) => {
      log.push(`${name} in`);
      const result = await next();
      log.push(`${name} out`);
      return `${name}(${result})`;
    });
  const run = (
    hooks: readonly BoundHook<(next: () => Promise<string>) => Promise<string>>[],
    core = (): Promise<string> => later("core"),
  ): Promise<string> => onion(hooks, undefined, ctx, (hook, next) => hook.handler(next), core);

  it("has the first listed outermost and leaves out those that decline", async () => {
    const log: string[] = [];
    const declines = { ...layer("no", log), when: () => false };
    expect(await run([layer("a", log), declines, layer("b", log)])).toBe("a(b(core))");
    expect(log).toEqual(["a in", "b in", "b out", "a out"]);
    expect(await run([])).toBe("core");
    expect(await run([declines])).toBe("core");
  });

  it("one may answer without next, and none may call it twice", async () => {
    let calls = 0;
    const core = (): Promise<string> => later(`core ${++calls}`);
    expect(await run([bound("cache", () => Promise.resolve("kept"))], core)).toBe("kept");
    expect(calls).toBe(0);
    const twice = bound("twice", async (next: () => Promise<string>) => (await next(), next()));
    expect((await failure(() => run([twice], core))).message).toContain("[twice] call: next() was called twice");
    expect(calls).toBe(1);
  });
});

describe("parallel", () => {
  it("runs all, and a failure of one reaches only the log", async () => {
    const done: string[] = [];
    const faults: string[] = [];
    const hooks: BoundHook<() => MaybePromise<void>>[] = [
      bound("bad", () => Promise.reject(new Error("no"))),
      bound("worse", () => {
        throw new Error("never");
      }),
      bound("odd", () => {}, {
        when: () => {
          throw new Error("when");
        },
      }),
      bound("good", () => later(undefined).then(() => void done.push("good"))),
    ];
    await parallel(
      hooks,
      undefined,
      ctx,
      (hook) => hook.handler(),
      (error) => faults.push((error as Error).message),
    );
    expect(done).toEqual(["good"]);
    expect(faults.toSorted()).toEqual(["[bad] filter: no", "[odd] filter: when", "[worse] filter: never"]);
  });
});

describe("events", () => {
  it("each hook makes none, one or several of one", () => {
    const event = (text: string): StreamEvent => ({ type: "text_delta", text }) as unknown as StreamEvent;
    const textOf = (each: StreamEvent): string => (each as unknown as { text: string }).text;
    const chain = eventChain(
      [
        bound("double", (each: StreamEvent) => [each, event(`${textOf(each)}!`)]),
        bound("drop", (each: StreamEvent) => (textOf(each) === "b" ? undefined : each)),
        bound("shout", (each: StreamEvent) => event(textOf(each).toUpperCase())),
      ],
      ctx,
    );
    const out: string[] = [];
    for (const text of ["a", "b"]) chain(event(text), (each) => out.push(textOf(each)));
    expect(out).toEqual(["A", "A!", "B!"]);
  });
});

describe("what a hook throws", () => {
  it("names plugin and stage, whether it comes at once or later, and keeps its cause", async () => {
    const cause = new Error("broken");
    for (const run of [
      () => {
        throw cause;
      },
      () => Promise.reject(cause),
    ]) {
      const error = await failure(() => callHook(undefined, bound("mine", run), run));
      expect(ProxyError.is(error) && error.kind).toBe("internal");
      expect([error.message, error.cause]).toEqual(["[mine] filter: broken", cause]);
    }
  });

  it("stays what it is when it is a ProxyError", async () => {
    const own = new ProxyError({ kind: "forbidden", message: "not you" });
    const run = (): never => {
      throw own;
    };
    expect(await failure(() => callHook(undefined, bound("mine", run), run))).toBe(own);
  });

  it("ends its span with the error", async () => {
    const spans: string[] = [];
    const tracer = {
      start: (name: string) => ({
        end: (error?: unknown) => void spans.push(`${name}: ${error instanceof Error ? error.message : "fine"}`),
      }),
    };
    const run = (): Promise<never> => Promise.reject(new Error("broken"));
    await failure(() => callHook(tracer, bound("mine", run), run));
    callHook(tracer, bound("mine", run), () => 1);
    expect(spans).toEqual(["filter mine: broken", "filter mine: fine"]);
  });
});
