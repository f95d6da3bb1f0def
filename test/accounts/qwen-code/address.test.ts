import { describe, expect, test } from "vitest";
import { addressIn } from "../../../plugins/qwen-code/address.ts";

const at = (resource_url: string, allowed?: readonly string[]): string | undefined =>
  addressIn({ resource_url }, allowed);

describe("the address of an account", () => {
  test.each([
    ["portal.qwen.ai", "https://portal.qwen.ai/v1"],
    ["https://portal.qwen.ai/", "https://portal.qwen.ai/v1"],
    ["https://portal.qwen.ai/v1/", "https://portal.qwen.ai/v1"],
    ["HTTPS://Portal.Qwen.AI", "https://portal.qwen.ai/v1"],
    [" dashscope.aliyuncs.com/compatible-mode/v1 ", "https://dashscope.aliyuncs.com/compatible-mode/v1"],
    ["dashscope-intl.aliyuncs.com/compatible-mode", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"],
  ])("%s is %s", (resource, address) => expect(at(resource)).toBe(address));

  test("is the provider's where the file names none", () => {
    expect(addressIn({})).toBeUndefined();
    expect(at("  ")).toBeUndefined();
  });

  test.each([
    "http://portal.qwen.ai",
    "evil.example.com",
    "qwen.ai.evil.example.com",
    "https://evil.example.com/.qwen.ai",
    "https://portal.qwen.ai@evil.example.com",
    "https://evil.example.com\\@portal.qwen.ai",
    "https://evil.example.com#.qwen.ai",
    "https://evil.example.com?x=.qwen.ai",
    "portal.qwen.ai?to=x",
    "xqwen.ai",
    "169.254.169.254/latest",
    "127.0.0.1:8080",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://",
  ])("is never %s: a token file must not choose who gets the token", (resource) => {
    expect(() => at(resource)).toThrow(/resource_url/);
  });

  test("may be one that the user allows", () => {
    expect(at("qwen.example.com", ["qwen.example.com"])).toBe("https://qwen.example.com/v1");
    expect(at("a.example.com", ["*.example.com"])).toBe("https://a.example.com/v1");
    expect(() => at("example.com", ["*.example.com"])).toThrow(/allowedHosts/);
    expect(at("http://127.0.0.1:8080", ["127.0.0.1"])).toBe("http://127.0.0.1:8080/v1");
    expect(() => at("http://qwen.example.com", ["qwen.example.com"])).toThrow(/https/);
    // That loopback is safe says nothing of a host that was not allowed.
    expect(() => at("http://127.0.0.1:8080", ["localhost"])).toThrow(/allowedHosts/);
  });
});
