import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { ProxyError } from "waygate";
import { readAll, readSome, type Sink, type Source, sourceOf } from "../../src/pipeline/source.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

interface Fed {
  readonly source: Source;
  readonly leaving: AbortController;
  readonly controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  readonly cancelled: unknown[];
  readonly calls: string[];
  readonly sink: Sink;
}

function fed(): Fed {
  const leaving = new AbortController();
  const cancelled: unknown[] = [];
  const calls: string[] = [];
  let controller: Fed["controller"] | undefined;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (given) => void (controller = given),
    cancel: (reason) => void cancelled.push(reason),
  });
  const response = new Response(body, { status: 201, headers: { "X-Name": "v" } });
  const sink: Sink = {
    data: (chunk) => void calls.push(`data ${Buffer.from(chunk).toString()}`),
    end: () => void calls.push("end"),
    error: (error) => void calls.push(`${error.kind}: ${error.message}`),
  };
  return { source: sourceOf(response, leaving.signal), leaving, controller: controller!, cancelled, calls, sink };
}

describe("sourceOf a response that a plugin made", () => {
  it("has its status and its headers in lower case", () => {
    expect(fed().source).toMatchObject({ status: 201, headers: { "x-name": "v" } });
  });

  it("gives pieces as they come and the end once", async () => {
    const { source, controller, calls, sink } = fed();
    source.start(sink);
    controller.enqueue(bytes("a"));
    await turn();
    expect(calls).toEqual(["data a"]);
    controller.enqueue(bytes("b"));
    controller.close();
    await turn();
    expect(calls).toEqual(["data a", "data b", "end"]);
  });

  it("gives nothing while paused and goes on where it stopped", async () => {
    const { source, controller, calls, sink } = fed();
    source.start({
      ...sink,
      data(chunk) {
        sink.data(chunk);
        source.pause();
      },
    });
    for (const text of ["a", "b", "c"]) controller.enqueue(bytes(text));
    await turn();
    expect(calls).toEqual(["data a"]);
    source.resume();
    await turn();
    expect(calls).toEqual(["data a", "data b"]);
    controller.close();
    source.resume();
    await turn();
    source.resume();
    await turn();
    expect(calls).toEqual(["data a", "data b", "data c", "end"]);
  });

  it("is silent after cancel and cancels the body, begun or not, paused or not", async () => {
    const fresh = fed();
    fresh.source.cancel("unread");
    await turn();
    expect(fresh.cancelled).toEqual(["unread"]);

    for (const paused of [false, true]) {
      const { source, controller, calls, cancelled, sink } = fed();
      source.start(sink);
      controller.enqueue(bytes("a"));
      await turn();
      if (paused) source.pause();
      source.cancel("enough");
      await turn();
      expect(cancelled).toEqual(["enough"]);
      expect(calls).toEqual(["data a"]);
    }
  });

  it("fails once when its signal aborts, and cancels the body", async () => {
    for (const when of ["before", "reading", "paused"]) {
      const { source, controller, leaving, calls, cancelled, sink } = fed();
      const reason = new Error("left");
      if (when === "before") leaving.abort(reason);
      source.start(sink);
      if (when === "paused") {
        controller.enqueue(bytes("a"));
        source.pause();
      }
      await turn();
      leaving.abort(reason);
      await turn();
      expect(calls.filter((call) => !call.startsWith("data"))).toEqual(["aborted: The attempt was given up."]);
      expect(cancelled).toEqual([reason]);
    }
  });

  it("tells a break of the body as one of the network, and a ProxyError as it is", async () => {
    const broken = fed();
    broken.source.start(broken.sink);
    broken.controller.error(new Error("socket hang up"));
    await turn();
    expect(broken.calls).toEqual(["network: The answer broke off: socket hang up"]);

    const named = fed();
    named.source.start(named.sink);
    named.controller.error(new ProxyError({ kind: "overloaded", message: "busy" }));
    await turn();
    expect(named.calls).toEqual(["overloaded: busy"]);
  });

  it("ends at once without a body", async () => {
    const calls: string[] = [];
    sourceOf(new Response(null), new AbortController().signal).start({
      data: () => void calls.push("data"),
      end: () => void calls.push("end"),
      error: () => void calls.push("error"),
    });
    await turn();
    expect(calls).toEqual(["end"]);
  });
});

describe("readAll", () => {
  it("joins the pieces and tells of each", async () => {
    const { source, controller } = fed();
    let pieces = 0;
    const all = readAll(source, 100, () => pieces++);
    controller.enqueue(bytes("gr"));
    controller.enqueue(Uint8Array.of(0xc3));
    controller.enqueue(Uint8Array.of(0xbc));
    controller.close();
    expect((await all).toString()).toBe("grü");
    expect(pieces).toBe(3);
  });

  it("rejects and cancels above its limit", async () => {
    const { source, controller, cancelled } = fed();
    const all = readAll(source, 4, () => {});
    controller.enqueue(bytes("1234"));
    controller.enqueue(bytes("5"));
    await expect(all).rejects.toMatchObject({
      kind: "upstream",
      message: expect.stringContaining("4 bytes") as string,
    });
    expect(cancelled).toHaveLength(1);
  });

  it("rejects with what broke the body", async () => {
    const { source, controller } = fed();
    const all = readAll(source, 4, () => {});
    controller.error(new Error("gone"));
    await expect(all).rejects.toMatchObject({ kind: "network" });
  });
});

describe("readSome", () => {
  const unlimited = (): void => {};

  it("reads no more than its limit and cancels the rest", async () => {
    const { source, controller, cancelled } = fed();
    const some = readSome(source, 5, unlimited);
    controller.enqueue(bytes("123"));
    controller.enqueue(bytes("456789"));
    expect(await some).toBe("12345");
    expect(cancelled).toHaveLength(1);
  });

  it("is content with what came before a break", async () => {
    const { source, controller } = fed();
    const some = readSome(source, 100, unlimited);
    controller.enqueue(bytes("half"));
    await turn();
    controller.error(new Error("gone"));
    expect(await some).toBe("half");
  });

  it("is content with what came when it is told to stop", async () => {
    const { source, controller, cancelled } = fed();
    const { promise, resolve } = Promise.withResolvers<() => void>();
    const some = readSome(source, 100, resolve);
    controller.enqueue(bytes("half"));
    await turn();
    (await promise)();
    expect(await some).toBe("half");
    expect(cancelled).toHaveLength(1);
  });

  it("rejects when the attempt is given up", async () => {
    const { source, leaving } = fed();
    const some = readSome(source, 100, unlimited);
    leaving.abort();
    await expect(some).rejects.toMatchObject({ kind: "aborted" });
  });
});
