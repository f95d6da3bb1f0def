import { describe, expect, it } from "vitest";
import { openaiResponses } from "../../../src/protocols/openai-responses/index.ts";
import { testProtocol } from "../../../src/testing/test-protocol.ts";
import { bodies, requests, streams } from "./fixtures.ts";

describe("openai-responses keeps the laws of protocols", () => {
  it.each(requests)("for the request $name", (request) => {
    expect(() => testProtocol({ protocol: openaiResponses, requests: [request] })).not.toThrow();
  });

  it.each(streams)("for the stream $name, cut at every byte", (stream) => {
    expect(() => testProtocol({ protocol: openaiResponses, streams: [stream] })).not.toThrow();
  });

  it.each(bodies)("for the body $name, also sent as a stream", (body) => {
    expect(() => testProtocol({ protocol: openaiResponses, bodies: [body] })).not.toThrow();
  });
});
