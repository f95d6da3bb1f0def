import { describe, expect, it } from "vitest";
import { type ErrorKind, ProxyError, withError } from "../../src/failure/error.ts";
import { renderError, retryAfterSeconds } from "../../src/failure/render.ts";
import { MAX_REST } from "../../src/failure/retry-time.ts";
import { errorTable, publicCodes } from "../../src/failure/table.ts";

const failed = (kind: ErrorKind, status: number, more: object = {}): ProxyError =>
  new ProxyError({ kind, message: "m", upstream: { status, body: "" }, ...more });

describe("renderError", () => {
  it("ends the message with the request's id", () => {
    const error = new ProxyError({
      kind: "not_found",
      message: "No alias lists kimi",
      param: "model",
      code: "model_not_found",
    });
    expect(renderError(error, "8Kd2e9")).toEqual({
      error,
      status: 404,
      code: "model_not_found",
      message: "No alias lists kimi. Request 8Kd2e9.",
      param: "model",
      details: undefined,
      requestId: "8Kd2e9",
    });
  });

  it.each([new TypeError("secret sk-1234567890"), "secret", undefined, null, { message: "secret" }])(
    "H6 says nothing of an unexpected error: %s",
    (thrown) => {
      const rendered = renderError(thrown, "r1");
      expect(rendered).toMatchObject({ status: 500, code: "internal_error" });
      expect(rendered.message).not.toContain("secret");
      expect(rendered.message).toMatch(/Request r1\.$/);
      expect(rendered.error.cause).toBe(thrown);
    },
  );

  it("passes status, code, param and details of the error on", () => {
    const error = new ProxyError({
      kind: "no_candidate",
      message: "All rest.",
      status: 429,
      code: "quota_exceeded",
      details: { attempts: [1] },
    });
    expect(renderError(error, "r")).toMatchObject({ status: 429, code: "quota_exceeded", details: { attempts: [1] } });
    expect(renderError(error, "r").message).toBe("All rest. Request r.");
  });

  it.each([401, 402, 403, 407])("A8 never answers %d because of our own key", (status) => {
    for (const kind of ["credential_invalid", "no_credit", "banned"] as const) {
      const rendered = renderError(failed(kind, status), "r");
      expect(rendered).toMatchObject({ status: 503, code: "all_credentials_exhausted" });
      expect(rendered.message).toMatch(/this proxy's/i);
    }
    if (status !== 403) expect(renderError(failed("upstream", status), "r").status).toBe(502);
  });

  it.each([500, 502, 503, 520, 529, 418])("A12 keeps the provider's status %d", (status) => {
    expect(renderError(failed("unknown", status), "r")).toMatchObject({ status, code: "upstream_error" });
    expect(renderError(failed("upstream", status), "r")).toMatchObject({ status, code: "upstream_error" });
  });

  it("gives the provider's code for a fault of the request", () => {
    const upstream = { status: 422, body: "", code: "unsupported_parameter" };
    expect(renderError(failed("invalid_request", 422, { upstream }), "r")).toMatchObject({
      status: 422,
      code: "unsupported_parameter",
    });
    expect(renderError(failed("invalid_request", 400, { upstream: { ...upstream, code: "400" } }), "r").code).toBe(
      "invalid_request",
    );
  });
});

describe("retryAfterSeconds", () => {
  const now = 1_000_000;
  it.each([
    [now + 1, 1],
    [now - 5000, 1],
    [now + 1001, 2],
    [now + 60_000, 60],
    [now + 2 * MAX_REST, MAX_REST / 1000],
  ])("rounds up to whole seconds, from 1 to 7 days: %d is %d", (retryAt, seconds) => {
    expect(retryAfterSeconds(failed("upstream", 500, { retryAt }), now)).toBe(seconds);
  });

  it("names some time for every 429 and 503 of ours", () => {
    expect(retryAfterSeconds(failed("rate_limited", 429), now)).toBe(10);
    expect(retryAfterSeconds(failed("banned", 403, { retryAt: Number.POSITIVE_INFINITY }), now)).toBe(10);
    expect(retryAfterSeconds(withError(failed("network", 0), { status: 503 }), now)).toBe(10);
  });

  it("names none elsewhere", () => {
    expect(retryAfterSeconds(failed("invalid_request", 400), now)).toBeUndefined();
  });
});

describe("the tables", () => {
  it("give every kind a code that is public and has the same status", () => {
    const others = Object.values(errorTable).filter((row) => row.code !== "upstream_error");
    expect(others.map((row) => row.status)).toEqual(others.map((row): number => publicCodes[row.code].status));
  });

  it("stop at faults of the request, and go on after all others", () => {
    for (const row of Object.values(errorTable)) expect(row.retry).toBe(row.scope === "request" ? "stop" : "next");
  });

  it("A7 lets a request that is too long go to the next target only", () => {
    expect(errorTable.context_length).toMatchObject({ scope: "request", retry: "stop", nextTarget: true });
    expect(errorTable.content_filter.nextTarget).toBeUndefined();
  });

  it("keep every code that clients were promised", () => {
    expect(Object.keys(publicCodes)).toEqual(
      expect.arrayContaining(
        `invalid_api_key invalid_json invalid_request request_too_large not_found method_not_allowed model_not_found
         model_not_allowed unsupported_feature prompt_rejected user_disabled token_expired ip_not_allowed quota_exceeded
         rate_limit_exceeded queue_full all_credentials_exhausted deadline_exceeded upstream_error shutting_down`.split(
          /\s+/,
        ),
      ),
    );
  });
});
