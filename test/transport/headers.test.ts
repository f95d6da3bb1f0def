import { expect, it } from "vitest";
import { answerHeaders, forwardable, requestHeaders, responseHeaders } from "../../src/transport/headers.ts";

const private_ = {
  accept: "*/*",
  "accept-encoding": "gzip",
  authorization: "Bearer client",
  connection: "keep-alive",
  "content-length": "2",
  cookie: "a=b",
  "cf-connecting-ip": "10.0.0.1",
  forwarded: "for=10.0.0.1",
  host: "proxy.local",
  "keep-alive": "timeout=5",
  "openai-organization": "org-client",
  "proxy-authorization": "Basic x",
  te: "trailers",
  trailer: "x",
  "transfer-encoding": "chunked",
  upgrade: "h2c",
  "user-agent": "client/1",
  "x-api-key": "client",
  "x-forwarded-for": "10.0.0.1",
  "x-goog-api-key": "client",
  "x-real-ip": "10.0.0.1",
  "x-stainless-os": "Linux",
  "x-waygate-provider": "p",
};
const wanted = {
  "openai-beta": "assistants=v2",
  "anthropic-beta": "b",
  "anthropic-version": "2023-06-01",
  "idempotency-key": "k",
};

it("I3 forwards the protocol headers of a client and nothing about its connection or identity", () => {
  expect(forwardable({ ...private_, ...wanted })).toEqual(wanted);
  expect(forwardable(new Headers({ ...wanted, "X-Api-Key": "client", Cookie: "a=b" }))).toEqual(wanted);
  expect(forwardable({})).toEqual({});
});

it("F13 an upstream of another protocol is told nothing that only the client's own protocol knows", () => {
  expect(forwardable(wanted, false)).toEqual({ "idempotency-key": "k" });
});

it("I3 a header named in connection belongs to that connection", () => {
  expect(forwardable({ ...wanted, connection: "close, OpenAI-Beta" })).not.toHaveProperty("openai-beta");
  expect(responseHeaders({ "retry-after": "1", "openai-version": "x", connection: "Retry-After" })).toEqual({
    "openai-version": "x",
  });
});

it("I3 passes to the client what it can use and keeps the upstream's own affairs", () => {
  const passed = {
    "content-type": "application/json",
    "retry-after": "3",
    "retry-after-ms": "2500",
    "openai-processing-ms": "12",
    "x-ratelimit-remaining-tokens": "9",
    "anthropic-ratelimit-requests-reset": "2025-01-01T00:00:00Z",
  };
  const kept = {
    "alt-svc": "h3",
    "anthropic-organization-id": "org",
    "cf-ray": "1",
    connection: "keep-alive",
    "content-encoding": "gzip",
    "content-length": "10",
    "keep-alive": "timeout=5",
    "openai-organization": "org",
    server: "cloudflare",
    "set-cookie": "a=b",
    "transfer-encoding": "chunked",
    "x-waygate-provider": "spoofed",
  };
  expect(responseHeaders({ ...passed, ...kept })).toEqual(passed);
});

it("gives the upstream's request id another name, because x-request-id is ours", () => {
  expect(responseHeaders({ "x-request-id": "a" })).toEqual({ "x-upstream-request-id": "a" });
  expect(responseHeaders({ "request-id": "b" })).toEqual({ "x-upstream-request-id": "b" });
});

it("says for every header why it may cross", () => {
  for (const { name, why } of [...requestHeaders, ...answerHeaders]) {
    expect(name).toBe(name.toLowerCase());
    expect(why).not.toBe("");
  }
});
