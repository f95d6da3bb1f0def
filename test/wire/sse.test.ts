import { describe, expect, it } from "vitest";
import { ProxyError } from "../../src/failure/error.ts";
import { encodeFrame, frameSplitter, isComment, parseFrame, type Sse } from "../../src/wire/sse.ts";

const bytes = (text: string): Buffer => Buffer.from(text);

function split(chunks: readonly Uint8Array[], limit = 1_000_000): { frames: string[]; rest: string | undefined } {
  const splitter = frameSplitter(limit);
  const frames: string[] = [];
  for (const chunk of chunks) splitter.push(chunk, (frame) => frames.push(Buffer.from(frame).toString()));
  const rest = splitter.rest();
  return { frames, rest: rest && Buffer.from(rest).toString() };
}

function messages(chunks: readonly Uint8Array[]): (Sse | undefined)[] {
  const { frames, rest } = split(chunks);
  const all = [...frames, ...(rest === undefined ? [] : [rest])];
  return all.map((frame) => parseFrame(bytes(frame))).filter((message) => message !== undefined);
}

describe("frameSplitter", () => {
  it("emits complete events with their blank lines and keeps the tail", () => {
    const { frames, rest } = split([bytes("data: 1\n\nevent: x\ndata: 2\n\ndata: 3\n")]);
    expect(frames).toEqual(["data: 1\n\n", "event: x\ndata: 2\n\n"]);
    expect(rest).toBe("data: 3\n");
  });

  it("hands out views of the chunk when an event lies in one chunk", () => {
    const chunk = new Uint8Array(bytes("data: 1\n\ndata: 2\n\n"));
    const frames: Uint8Array[] = [];
    frameSplitter(100).push(chunk, (frame) => frames.push(frame));
    expect(frames.map((frame) => [frame.buffer === chunk.buffer, frame.byteOffset])).toEqual([
      [true, 0],
      [true, 9],
    ]);
  });

  it("does not reuse the memory of an event that was put together from pieces", () => {
    const splitter = frameSplitter(100);
    const frames: Uint8Array[] = [];
    for (const part of ["data: fir", "st\n\ndata: sec", "ond\n\n"])
      splitter.push(bytes(part), (frame) => frames.push(frame));
    expect(frames.map((frame) => Buffer.from(frame).toString())).toEqual(["data: first\n\n", "data: second\n\n"]);
  });

  const wire =
    ': hi\r\n\r\ndata: {"a":\r\ndata: 1}\r\n\r\nevent: e\rid: 7\rdata: mac\r\rdata:bare\n\n\ndata: 東京 👩‍🚀\n\ndata: last';
  const expected = [
    { data: '{"a":\n1}' },
    { event: "e", data: "mac", id: "7" },
    { data: "bare" },
    { data: "東京 👩‍🚀" },
    { data: "last" },
  ];

  it("B7 reads events the same wherever the bytes are cut, with every line end and without a blank line at the end", () => {
    const whole = bytes(wire);
    expect(messages([whole])).toEqual(expected);
    for (let at = 1; at < whole.length; at += 1) {
      expect(messages([whole.subarray(0, at), whole.subarray(at)]), `cut at ${at}`).toEqual(expected);
    }
  });

  it("B6 keeps code points whole when they come byte by byte, and every byte of the stream", () => {
    const whole = bytes(wire);
    const single = Array.from(whole, (_, at) => whole.subarray(at, at + 1));
    expect(messages(single)).toEqual(expected);
    const { frames, rest } = split(single);
    expect(frames.join("") + rest).toBe(wire);
  });

  it("emits an event that ends in a carriage return at once, and the line feed as soon as it comes", () => {
    const { frames, rest } = split([bytes("data: 1\r\n\r"), bytes("\ndata: 2\r\n\r\n")]);
    expect(frames).toEqual(["data: 1\r\n\r", "\n", "data: 2\r\n\r\n"]);
    expect(rest).toBeUndefined();
  });

  it("B14 refuses a tail above the limit and takes one of exactly the limit", () => {
    expect(split([bytes("x".repeat(10))], 10).rest).toHaveLength(10);
    const splitter = frameSplitter(10);
    splitter.push(bytes("x".repeat(6)), () => {});
    let thrown: unknown;
    try {
      splitter.push(bytes("x".repeat(5)), () => {});
    } catch (error) {
      thrown = error;
    }
    expect(ProxyError.is(thrown) && thrown.kind).toBe("upstream");
  });

  it("B14 takes an event of a megabyte in single bytes in linear time", () => {
    const splitter = frameSplitter(2_000_000);
    const one = bytes("x");
    const started = process.cpuUsage();
    for (let at = 0; at < 1_000_000; at += 1) splitter.push(one, () => {});
    let size = 0;
    splitter.push(bytes("\n\n"), (frame) => (size = frame.length));
    expect(size).toBe(1_000_002);
    // Quadratic copying would move half a terabyte.
    expect(process.cpuUsage(started).user).toBeLessThan(5_000_000);
  });
});

describe("parseFrame", () => {
  it.each([
    [": comment\n\n", undefined],
    ["\n", undefined],
    ["event: ping\n\n", undefined],
    ["data:x\n\n", { data: "x" }],
    ["data:  x \n\n", { data: " x " }],
    ["data\n\n", { data: "" }],
    ["data:\n\n", { data: "" }],
    ["\uFEFFdata: x\n\n", { data: "x" }],
    ["data: a\r\ndata: b\r\n\r\n", { data: "a\nb" }],
    ["retry: 5\nid: 1\nevent: e\ndata: a:b\n\n", { event: "e", data: "a:b", id: "1" }],
    [": c\ndata: x", { data: "x" }],
  ])("reads %j", (frame, message) => {
    expect(parseFrame(bytes(frame))).toEqual(message);
  });
});

describe("the tail of a stream that is given up", () => {
  it("is let go", () => {
    const splitter = frameSplitter(100);
    splitter.push(bytes("data: x"), () => expect.fail("nothing is complete"));
    expect(Buffer.from(splitter.rest()!).toString()).toBe("data: x");
    splitter.release();
    expect(splitter.rest()).toBeUndefined();
  });
});

describe("isComment", () => {
  it.each([
    [": x\n\n", true],
    [":\r\n: y\r\n\r\n", true],
    ["\n: x\n\n", true],
    [": x\ndata: 1\n\n", false],
    ["data: 1\n\n", false],
    ["\n", false],
  ])("tells of %j: %s", (frame, comment) => {
    expect(isComment(bytes(frame))).toBe(comment);
  });
});

describe("encodeFrame", () => {
  it.each([
    [{ data: "x" }, "data: x\n\n"],
    [{ event: "e", id: "1", data: "a\nb\r\nc" }, "event: e\nid: 1\ndata: a\ndata: b\ndata: c\n\n"],
  ])("writes %j", (message, text) => {
    expect(encodeFrame(message)).toBe(text);
  });

  it("writes what parseFrame reads", () => {
    const message = { event: "e", data: " two\n\nlines ", id: "" };
    expect(parseFrame(bytes(encodeFrame(message)))).toEqual(message);
  });
});
