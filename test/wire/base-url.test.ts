import { expect, test } from "vitest";
import { ConfigError } from "../../src/config/problem.ts";
import { baseUrl } from "../../src/wire/base-url.ts";

test.each([
  ["http://gpu-1:8000", "http://gpu-1:8000/v1"],
  ["http://gpu-1:8000/", "http://gpu-1:8000/v1"],
  ["http://gpu-1:8000/v1", "http://gpu-1:8000/v1"],
  ["http://gpu-1:8000/v1/", "http://gpu-1:8000/v1"],
  ["http://gpu-1:8000/v1/v1", "http://gpu-1:8000/v1"],
  ["http://gpu-1:8000//v1//", "http://gpu-1:8000/v1"],
  ["https://api.example.com/openai/v1", "https://api.example.com/openai/v1"],
  ["https://api.example.com/compat", "https://api.example.com/compat"],
  ["https://api.example.com/v2beta/v2beta/x", "https://api.example.com/v2beta/x"],
  ["https://api.example.com/a/a", "https://api.example.com/a/a"],
  [" HTTPS://API.example.com:443 ", "https://api.example.com/v1"],
])("F14 the base URL %j becomes %j", (given, expected) => {
  expect(baseUrl(given, { segment: "v1" })).toBe(expected);
});

test("F14 the version segment is that of the protocol", () => {
  expect(baseUrl("https://example.com", { segment: "v1beta" })).toBe("https://example.com/v1beta");
  expect(baseUrl("https://example.com", { segment: "" })).toBe("https://example.com");
});

test.each([
  ["gpu-1:8000/v1", /does not begin with http/],
  ["ftp://example.com", /does not begin with http/],
  ["", /does not begin with http/],
  ["http://", /no host/],
  ["http://:80", /cannot be read/],
  ["https://example.com/v1?key=1", /query/],
  ["https://example.com/v1#x", /fragment/],
  ["https://me:pass@example.com", /password/],
])("an address like %j is refused with its place and a fix", (given, why) => {
  const refused = (): string => baseUrl(given, { segment: "v1", place: "LAB_API_BASE" });
  expect(refused).toThrow(why);
  expect(refused).toThrow(/LAB_API_BASE/);
  expect(refused).toThrow(/fix/);
});

test("a refused address does not show its password or its key", () => {
  for (const given of ["https://me:hunter2@example.com", "https://example.com/v1?key=hunter2"]) {
    let message = "";
    try {
      baseUrl(given, { segment: "v1" });
    } catch (error) {
      message = ConfigError.is(error) ? error.message : "";
    }
    expect(message).toContain("example.com");
    expect(message).not.toContain("hunter2");
  }
});
