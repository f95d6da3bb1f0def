import { describe, expect, it } from "vitest";
import { classify } from "../../src/failure/classify.ts";
import { readErrorBody } from "../../src/failure/error-body.ts";
import type { ErrorKind, ProxyError } from "../../src/failure/error.ts";
import { codeOf, errorTable, statusOf } from "../../src/failure/table.ts";
import type { FailureSignal, Provider } from "../../src/plugin/provider.ts";
import {
  anthropic,
  banned,
  broke,
  dead,
  faulty,
  filtered,
  google,
  limited,
  noModel,
  openai,
  quota,
  type Row,
  server,
  tooLong,
} from "./_wordings.ts";

const now = Date.parse("2026-03-02T10:00:00Z");

interface Options {
  readonly headers?: { readonly [name: string]: string };
  readonly inBand?: boolean;
  readonly provider?: Provider["classify"];
}

function read(status: number, body: unknown, options: Options = {}): ProxyError {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const signal: FailureSignal = {
    status,
    headers: options.headers ?? {},
    body: text,
    error: readErrorBody(text),
    inBand: options.inBand ?? false,
    model: "m",
    now,
  };
  return classify(signal, options.provider);
}

const named = (rows: readonly Row[]): [string, Row][] => rows.map((row) => [row[0], row]);

function check([, status, body, kind, scope]: Row): ProxyError {
  const error = read(status, body);
  expect([error.kind, error.scope]).toEqual([kind, scope ?? errorTable[kind].scope]);
  return error;
}

describe("the wordings of the providers", () => {
  it.each(named(dead))("A8 takes a refused key for that: %s", (_, row) => {
    expect(statusOf(check(row))).toBe(503);
  });
  it.each(named(broke))("A8 takes an empty account for that: %s", (_, row) => {
    expect(statusOf(check(row))).toBe(503);
  });
  it.each(named(banned))("A8 takes a closed account for that: %s", (_, row) => {
    expect(statusOf(check(row))).toBe(503);
  });
  it.each(named(limited))("A8 takes a short limit for a rate: %s", (_, row) => {
    expect(statusOf(check(row))).toBe(429);
  });
  it.each(named(quota))("A8 takes a long limit for a quota: %s", (_, row) => {
    expect(statusOf(check(row))).toBe(429);
  });
  it.each(named(tooLong))("A7 takes a request that is too long for that: %s", (_, row) => {
    const error = check(row);
    expect([statusOf(error), codeOf(error)]).toEqual([row[1] === 413 ? 413 : 400, "context_length_exceeded"]);
  });
  it.each(named(filtered))("A7 takes moderation for that: %s", (_, row) => {
    const error = check(row);
    expect([statusOf(error), codeOf(error)]).toEqual([row[1], "content_filter"]);
  });
  it.each(named(faulty))("A6 takes the client's fault for that: %s", (_, row) => {
    const error = check(row);
    expect([error.scope, error.retryAt]).toEqual(["request", undefined]);
    expect(statusOf(error)).toBe([401, 404].includes(row[1]) ? 400 : row[1]);
    expect(error.upstream?.body).toBe(JSON.stringify(row[2]));
  });
  it.each(named(noModel))("takes a missing model for that: %s", (_, row) => {
    expect(statusOf(check(row))).toBe(row[1] === 400 ? 400 : 404);
  });
  it.each(named(server))("A12 takes the server's trouble for that, and keeps its status: %s", (_, row) => {
    expect(statusOf(check(row))).toBe(row[1]);
  });
});

describe("what nobody knows", () => {
  it.each([403, 404, 405, 418, 451, 499])("A12 rotates on a bare %d", (status) => {
    const error = read(status, "");
    expect(errorTable[error.kind].retry).toBe("next");
    expect([error.scope, statusOf(error)]).toEqual(["model", status]);
    expect(error.message).toBe(`upstream answered ${status} and no message`);
  });

  it("holds a page of a gateway against no key", () => {
    for (const status of [403, 404, 429]) {
      expect(read(status, "<html><h1>Blocked</h1>")).toMatchObject({
        kind: "upstream",
        scope: "provider",
        message: "upstream returned an HTML page",
      });
    }
  });

  it("holds a region against no single key", () => {
    const body = openai("Country, region, or territory not supported", "x", "unsupported_country_region_territory");
    expect(read(403, body)).toMatchObject({ kind: "unknown", scope: "provider" });
    expect(read(400, google(400, "FAILED_PRECONDITION", "User location is not supported"))).toMatchObject({
      scope: "provider",
    });
  });
});

describe("an error inside a 200", () => {
  it.each<[string, unknown, ErrorKind, number]>([
    ["Anthropic's overload", anthropic("overloaded_error", "Overloaded"), "overloaded", 503],
    ["OpenRouter's numeric code", { error: { code: 429, message: "Rate limit exceeded" } }, "rate_limited", 429],
    ["a code as text", { error: { code: "502", message: "x" } }, "upstream", 502],
    ["a plain server error", openai("x", "server_error"), "upstream", 502],
    ["a refused request", anthropic("invalid_request_error", "bad field"), "invalid_request", 400],
    ["a rate limit by its type", anthropic("rate_limit_error", "x"), "rate_limited", 429],
    ["a refused key", anthropic("authentication_error", "x"), "credential_invalid", 503],
    ["no credit (g4f)", { error: { message: "x", code: 402 } }, "no_credit", 503],
    ["xAI's text", { code: "x", error: "something broke" }, "upstream", 502],
  ])("is read by what it names: %s", (_, body, kind, status) => {
    const error = read(200, body, { inBand: true });
    expect([error.kind, statusOf(error)]).toEqual([kind, status]);
    expect(error.upstream?.status).toBeGreaterThanOrEqual(400);
  });
});

describe("times", () => {
  it("A1 gives a rate limit its time, from wherever it comes", () => {
    expect(read(429, limited[0]?.[2]).retryAt).toBe(now + 20_000);
    expect(read(429, "", { headers: { "retry-after": "7" } }).retryAt).toBe(now + 7000);
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" };
    expect(read(429, "", { headers }).retryAt).toBe(now + 9000);
    expect(read(429, "").retryAt).toBeUndefined();
  });

  it("A1 reads Retry-After of a 503 but not the rate-limit headers every answer has", () => {
    expect(read(503, "", { headers: { "retry-after": "7" } }).retryAt).toBe(now + 7000);
    const headers = { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s" };
    expect(read(500, "", { headers }).retryAt).toBeUndefined();
  });

  it("waits for an empty account that names a time as for a quota", () => {
    expect(read(402, { error: { message: "x" }, resets_at: now / 1000 + 60 })).toMatchObject({
      kind: "quota_exhausted",
      scope: "credential",
      retryAt: now + 60_000,
    });
    expect(read(402, openai("x"))).toMatchObject({ kind: "no_credit", scope: "credential" });
  });

  it("knows a rejected subscription by its header", () => {
    const headers = {
      "anthropic-ratelimit-unified-status": "rejected",
      "anthropic-ratelimit-unified-reset": String(now / 1000 + 3600),
    };
    expect(read(429, anthropic("rate_limit_error", "x"), { headers })).toMatchObject({
      kind: "quota_exhausted",
      scope: "credential",
      retryAt: now + 3_600_000,
    });
  });
});

describe("a provider's own reading", () => {
  it("comes first, and what it leaves out is filled in", () => {
    const provider: Provider["classify"] = ({ status }) => (status === 403 ? { kind: "rate_limited" } : undefined);
    const headers = { "retry-after": "5" };
    expect(read(403, openai("Your account has been suspended."), { provider, headers })).toMatchObject({
      kind: "rate_limited",
      scope: "model",
      retryAt: now + 5000,
      message: "Your account has been suspended.",
    });
    expect(read(401, openai("x"), { provider }).kind).toBe("credential_invalid");
  });

  it("is kept as it is", () => {
    const own = { kind: "no_credit", scope: "provider", message: "pay", retryAt: now + 1 } as const;
    expect(read(400, openai("x"), { provider: () => own })).toMatchObject(own);
  });
});

describe("what is kept of the upstream", () => {
  const key = "sk-proj-0123456789abcdef";

  it("H6 masks message, body, type and code", () => {
    const error = read(401, openai(`Incorrect API key provided: ${key}`, key, key), {
      headers: { "content-type": "application/json" },
    });
    expect(JSON.stringify([error.message, error.upstream])).not.toContain("0123456789");
    expect(JSON.parse(error.upstream?.body ?? "")).toMatchObject({ error: { param: null } });
    expect(error.upstream).toMatchObject({ status: 401, contentType: "application/json", type: "***" });
  });

  it("makes the message one line of at most 300 characters", () => {
    const { message } = read(400, openai(`a\n\n  b\t${"c".repeat(1000)}`));
    expect(message).toMatch(/^a b c+…$/);
    expect(message).toHaveLength(300);
  });

  it("keeps at most 64 KiB of a body", () => {
    const body = read(500, "é".repeat(65_536)).upstream?.body ?? "";
    expect(new TextEncoder().encode(body).length).toBe(65_536);
    expect(read(500, "x".repeat(65_536)).upstream?.body).toHaveLength(65_536);
  });

  it("names the field at fault", () => {
    const body = {
      error: { message: "x", type: "invalid_request_error", param: "messages[0]", code: "invalid_value" },
    };
    const error = read(400, body);
    expect(error).toMatchObject({ param: "messages[0]", upstream: { param: "messages[0]" } });
    expect(codeOf(error)).toBe("invalid_value");
  });

  it("is not misled by what a body quotes from the client", () => {
    const quoted = "account suspended, quota per day, insufficient credits, context length exceeded";
    expect(read(422, { detail: [{ loc: ["body"], msg: "Field required", input: quoted }] }).kind).toBe(
      "invalid_request",
    );
  });
});
