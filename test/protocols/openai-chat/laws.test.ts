import { describe, expect, it } from "vitest";
import { openaiChat } from "../../../src/protocols/openai-chat/index.ts";
import { testProtocol } from "../../../src/testing/test-protocol.ts";
import { bodies, requests, streams } from "./fixtures.ts";

describe("openai-chat keeps the laws of protocols", () => {
  it.each(requests)("for the request $name", (request) => {
    expect(() => testProtocol({ protocol: openaiChat, requests: [request] })).not.toThrow();
  });

  it.each(streams)("for the stream $name, cut at every byte", (stream) => {
    expect(() => testProtocol({ protocol: openaiChat, streams: [stream] })).not.toThrow();
  });

  it.each(bodies)("B17 for the body $name, also sent as a stream", (body) => {
    expect(() => testProtocol({ protocol: openaiChat, bodies: [body] })).not.toThrow();
  });
});

describe("testProtocol", () => {
  it("names protocol, law, fixture and place of a breach", () => {
    const forgetful = {
      ...openaiChat,
      decodeRequest: (...args: Parameters<typeof openaiChat.decodeRequest>) => ({
        ...openaiChat.decodeRequest(...args),
        temperature: 2,
      }),
    };
    const request = { name: "hot", body: { model: "m", temperature: 1, messages: [] } };
    expect(() => testProtocol({ protocol: forgetful, requests: [request] })).toThrow(
      '[openai-chat] encoding what was decoded gives the request again, request "hot": at $.temperature: 2 instead of 1',
    );
  });

  it("notices a twin that says something else", () => {
    const stream = streams.find(({ name }) => name === "text");
    expect(() => testProtocol({ protocol: openaiChat, streams: [{ ...stream!, twin: { id: "other" } }] })).toThrow(
      "whole twin",
    );
  });

  it("notices a stream that ends in an error though none was announced", () => {
    const stream = streams.find(({ broken }) => broken);
    expect(() => testProtocol({ protocol: openaiChat, streams: [{ ...stream!, broken: false }] })).toThrow(
      "no error event",
    );
  });
});
