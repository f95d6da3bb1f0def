import { describe, expect, it } from "vitest";
import { maskKey, maskSecrets, redactUrl } from "../../src/failure/mask.ts";

const id = "0123456789abcdefABCDEF";

describe("maskSecrets", () => {
  it.each([
    [`OpenAI keys`, `sk-proj-${id}`],
    ["Anthropic keys", `sk-ant-api03-${id}-AA`],
    ["Google keys", `AIzaSy${id}-_x`],
    ["Groq keys", `gsk_${id}`],
    ["Hugging Face tokens", `hf_${id}`],
    ["xAI keys", `xai-${id}`],
    ["NVIDIA keys", `nvapi-${id}`],
    ["web tokens", `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.${id}`],
    ["OAuth tokens", `ya29.a0${id}`],
    ["stars in a key", "sk-proj-********************************abcd"],
    ["mail addresses", "mia.a+b@example.com"],
  ])("H6 masks %s", (_, secret) => {
    for (const text of [
      secret,
      `before ${secret} after`,
      `"${secret}"`,
      `(${secret})`,
      `a\n${secret}`,
      `k=${secret}`,
    ]) {
      expect(maskSecrets(text)).not.toContain(secret.slice(0, 12));
      expect(maskSecrets(JSON.stringify({ text }))).not.toContain(secret.slice(0, 12));
    }
  });

  it.each([
    ["Authorization: Bearer abc123DEF.456", "Authorization: Bearer ***"],
    ["Incorrect API key provided: ab***yz. Try", "Incorrect API key provided: ***. Try"],
    ["Invalid API Key 'aB3456789'", "Invalid API Key '***'"],
    ["api_key=abcdef123456", "api_key=***"],
    ["GET /v1beta/models?alt=sse&key=plainvalue&x=1", "GET /v1beta/models?alt=sse&key=***&x=1"],
    ["in organization org-AbCdEf123456 on", "in organization org-*** on"],
    ["in organization `org_01hxyzabc123` service", "in organization `org_***` service"],
    ["Your team 0d7e2c1a-1111-2222-3333-444455556666 has", "Your team *** has"],
    ["Not found for account 'aZ19kLmn'", "Not found for account '***'"],
    ["Consumer 'projects/123456789012' was", "Consumer 'projects/***' was"],
    ["via http://user:pass@proxy:8080/x", "via http://***@proxy:8080/x"],
  ])("H6 turns %j into %j", (text, expected) => {
    expect(maskSecrets(text)).toBe(expected);
  });

  it("H6 removes links to accounts and billing, and keeps documentation", () => {
    for (const link of [
      "https://platform.openai.com/account/api-keys",
      "https://console.groq.com/settings/billing",
      "https://openrouter.ai/settings/credits",
      "https://console.x.ai",
    ]) {
      expect(maskSecrets(`See ${link}. Then`)).toBe("See [link removed]. Then");
      expect(maskSecrets(JSON.stringify(link).replaceAll("/", "\\/"))).toBe('"[link removed]"');
    }
    const docs = "https://platform.openai.com/docs/guides/error-codes/api-errors.";
    expect(maskSecrets(docs)).toBe(docs);
  });

  it("leaves ordinary sentences and model names alone", () => {
    for (const text of [
      "Rate limit reached for model `llama-3.3-70b-versatile` on tokens per minute (TPM): Limit 6000, Used 5900.",
      "API key not valid. Please pass a valid API key.",
      "Bearer token is missing",
      "model xai-grok-code-fast-1 and sk-learn, hf_transformers, user-level",
      "max_tokens: 4096 > 2048, see messages.1.content.0 (request req_011CSHoEeqs5C35K2UUqR7Fy)",
      'Unsupported parameter: "max_tokens" is not supported. Use "max_completion_tokens" instead.',
    ]) {
      expect(maskSecrets(text)).toBe(text);
    }
  });

  it("keeps valid JSON valid and changes nothing but the secrets", () => {
    const body = {
      error: { message: `bad\nsk-${id}\tkey "xai-${id}" \\ é ‒ https://x/?key=${id}&a=1`, code: 12345678901 },
      api_key: id,
      user_id: "user_2abcDEFGH",
      nested: JSON.stringify({ access_token: id, n: [1, null, true], s: `\nnvapi-${id}` }),
      list: [`org-${id}`, `\u0001gsk_${id}`, "foo@bar.com"],
    };
    const text = JSON.stringify(body);
    const masked = JSON.parse(maskSecrets(text)) as typeof body;
    expect(JSON.stringify(masked)).not.toContain(id);
    expect(masked.error.code).toBe(12345678901);
    expect(masked.error.message).toBe('bad\n***\tkey "***" \\ é ‒ https://x/?key=***&a=1');
    expect(masked.api_key).toBe("***");
    expect(JSON.parse(masked.nested)).toEqual({ access_token: "***", n: [1, null, true], s: "\n***" });
  });

  it("keeps JSON valid when a text in it looks like a member", () => {
    const body = {
      text: `gsk_"api_key": `,
      other: `"api_key":"`,
      'x"api_key': "value",
      deep: JSON.stringify({ t: '"api_key":"' }),
    };
    const masked = JSON.parse(maskSecrets(JSON.stringify(body))) as typeof body;
    expect(masked).toEqual({ ...body, 'x"api_key': "***" });
  });

  it("changes nothing when applied again", () => {
    const text = `Bearer ${id} api_key=${id} ?key=${id} org-${id} "api_key":"${id}" a@b.com`;
    expect(maskSecrets(maskSecrets(text))).toBe(maskSecrets(text));
  });

  it.each([
    "sk-",
    "a",
    "eyJ",
    "eyJaaaaaaaa.",
    "Bearer ",
    "Bearer a",
    "https://",
    "https:\\/\\/a",
    "api_key.",
    '"api_key":"',
    "org-",
    "@",
    "a@",
    "a.",
    "\\n",
    "\\nsk-",
    "://",
    "key=",
    "?key=",
    "account 'a",
    '"',
    "*",
    " ",
    "api key ",
    "gsk_*",
  ])("takes linear time for many times %j", (unit) => {
    const text = unit.repeat(Math.ceil(200_000 / unit.length));
    const started = performance.now();
    maskSecrets(text);
    // Well below a second when linear, minutes when quadratic.
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it("masks a megabyte in linear time", () => {
    const text = `sk-${"a".repeat(300_000)} https://${"a/".repeat(150_000)} ${"a@".repeat(150_000)} ${"\\n".repeat(50_000)}`;
    const started = performance.now();
    expect(maskSecrets(text)).toMatch(/^\*\*\* https/);
    expect(performance.now() - started).toBeLessThan(8000);
  });
});

describe("maskKey", () => {
  it("H6 shows four characters at each end of a long key and nothing of a short one", () => {
    expect(maskKey("sk-proj-0123456789-7b21")).toBe("sk-p…7b21");
    expect(maskKey("01234567890123456789")).toBe("0123…6789");
    expect(maskKey("0123456789012345678")).toBe("***");
    expect(maskKey("")).toBe("***");
  });
});

describe("redactUrl", () => {
  it.each([
    ["https://user:pw@host.example/v1?model=a", "https://***@host.example/v1?model=a"],
    [
      "https://host.example/v1?key=abc&alt=sse&api_key=d&access_token=e",
      "https://host.example/v1?key=***&alt=sse&api_key=***&access_token=***",
    ],
    ["https://host.example/cb?code=abc#access_token=x", "https://host.example/cb?code=***"],
    [`https://host.example/sk-${id}/v1`, "https://host.example/***/v1"],
    ["https://host.example/billing?keyword=a", "https://host.example/billing?keyword=a"],
    ["/v1/models?key=abc", "/v1/models?key=***"],
  ])("H6 turns %j into %j", (url, expected) => {
    expect(redactUrl(url)).toBe(expected);
  });
});
