import { describe, expect, it } from "vitest";
import { openaiCompletions as protocol } from "../../../src/protocols/openai-completions/index.ts";
import { testProtocol } from "../../../src/testing/test-protocol.ts";
import { fixturesOf } from "../fixtures.ts";

const { requests, streams, bodies } = fixturesOf("openai-completions");

describe("openai-completions keeps the laws of protocols", () => {
  it.each(requests)("for the request $name", (request) => {
    expect(() => testProtocol({ protocol, requests: [request] })).not.toThrow();
  });

  it.each(streams)("for the stream $name, cut at every byte", (stream) => {
    expect(() => testProtocol({ protocol, streams: [stream] })).not.toThrow();
  });

  it.each(bodies)("B17 for the body $name, also sent as a stream", (body) => {
    expect(() => testProtocol({ protocol, bodies: [body] })).not.toThrow();
  });
});
