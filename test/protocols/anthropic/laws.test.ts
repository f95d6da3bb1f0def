import { describe, expect, it } from "vitest";
import { anthropic } from "../../../src/protocols/anthropic/index.ts";
import { testProtocol } from "../../../src/testing/test-protocol.ts";
import { bodies, requests, streams } from "./fixtures.ts";

describe("anthropic keeps the laws of protocols", () => {
  it.each(requests)("F10 F11 for the request $name", (request) => {
    expect(() => testProtocol({ protocol: anthropic, requests: [request] })).not.toThrow();
  });

  it.each(streams)("for the stream $name, cut at every byte", (stream) => {
    expect(() => testProtocol({ protocol: anthropic, streams: [stream] })).not.toThrow();
  });

  it.each(bodies)("B17 for the body $name, also sent as a stream", (body) => {
    expect(() => testProtocol({ protocol: anthropic, bodies: [body] })).not.toThrow();
  });
});
