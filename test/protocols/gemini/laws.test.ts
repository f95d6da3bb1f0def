import { describe, expect, it } from "vitest";
import { gemini } from "../../../src/protocols/gemini/index.ts";
import { testProtocol } from "../../../src/testing/test-protocol.ts";
import { bodies, requests, streams } from "./fixtures.ts";

describe("gemini keeps the laws of protocols", () => {
  it.each(requests)("for the request $name", (request) => {
    expect(() => testProtocol({ protocol: gemini, requests: [request] })).not.toThrow();
  });

  it.each(streams)("for the stream $name, cut at every byte", (stream) => {
    expect(() => testProtocol({ protocol: gemini, streams: [stream] })).not.toThrow();
  });

  it.each(bodies)("B17 for the body $name, also sent as a stream", (body) => {
    expect(() => testProtocol({ protocol: gemini, bodies: [body] })).not.toThrow();
  });
});
