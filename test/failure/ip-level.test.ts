import { describe, expect, test } from "vitest";
import { classify, readErrorBody } from "waygate";

const read = (status: number, body: string): { kind: string; scope: string | undefined } => {
  const { kind, scope } = classify({
    status,
    headers: {},
    body,
    error: readErrorBody(body),
    inBand: false,
    model: "m",
    now: 0,
  });
  return { kind, scope };
};

describe("A4 what is about this machine's address", () => {
  test.each([
    [403, "error code: 1020"],
    [429, "error code: 1015"],
    [503, "error code: 1006"],
    [403, "<!doctype html><title>Attention Required! | Cloudflare</title>"],
    [429, "<html><body>Just a moment...</body></html>"],
    [403, JSON.stringify({ error: { message: "Your IP address has been temporarily blocked." } })],
    [429, JSON.stringify({ error: "Too many requests from this IP, please try again later." })],
    [429, JSON.stringify({ detail: "This IP was rate-limited." })],
  ])("A4 %i %s is the provider's, not the key's", (status, body) => {
    expect(read(status, body)).toEqual({ kind: "upstream", scope: "provider" });
  });

  test.each<[number, string, string]>([
    [
      403,
      JSON.stringify({ error: { message: "Your IP address is not in the allowlist of this API key." } }),
      "unknown",
    ],
    [429, JSON.stringify({ error: { message: "Rate limit reached for requests" } }), "rate_limited"],
    [400, "error code: 1015", "invalid_request"],
    [403, JSON.stringify({ error: { message: "Your account has been blocked." } }), "banned"],
  ])("A4 %i %s is not", (status, body, kind) => {
    const found = read(status, body);
    expect(found.kind).toBe(kind);
    expect(found.scope).not.toBe("provider");
  });
});
