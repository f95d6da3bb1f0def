/** Bodies that are not what they should be, over a real socket. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Bench, bench, good, maxBody, refusal } from "./_bench.ts";

let proxy: Bench;
beforeAll(async () => {
  proxy = await bench();
});
afterEach(() => proxy.lives());
afterAll(() => proxy[Symbol.asyncDispose]());

const secret = "canary9-in-the-prompt";

describe("malformed JSON", () => {
  it.each([
    ["a comma too many", `{"model":"lab/m","x":"${secret}",}`, 24 + secret.length],
    ["a quote missing", `{"model":"${secret}`, 10 + secret.length],
    ["two values", `${good}${good}`, good.length],
    ["a bare word", secret, 0],
    ["a byte order mark in the middle", `{"model":\uFEFF"${secret}"}`, 9],
    ["single quotes", `{'model':'${secret}'}`, 1],
    ["a control character", `{"model":"${secret}\u0001"}`, 10 + secret.length],
    ["NaN", `{"model":"lab/m","temperature":NaN}`, 31],
    ["a wrong bracket", '{"a":[1}', 7],
    ["an escape that is none", '{"a":"\\x"}', 6],
    ["a number with a zero before it", '{"a":01}', 6],
    ["its end too early", '{"a":[1,2', 9],
  ])("with %s is a 400 that names the place and quotes nothing", async (_, body, at) => {
    const response = await proxy.post(body);
    expect(response.status).toBe(400);
    const error = await refusal(response);
    expect(error.code).toBe("invalid_json");
    expect(error.message).toMatch(new RegExp(`at position ${at}\\b`));
    expect(error.message).not.toMatch(/canary9|lab\/m/);
    expect(response.headers.get("x-waygate-attempts")).toBe("0");
  });

  it.each([
    ["no body at all", "", /empty/],
    ["an array", `[${good}]`, /object/],
    ["null", "null", /object/],
    ["a string", `"${secret}"`, /object/],
    ["a number", "1e400", /object/],
    ["only white space", " \n\t ", /JSON.*line 2 column 3/],
  ])("%s is a 400 that says what is expected", async (_, body, words) => {
    const response = await proxy.post(body);
    expect(response.status).toBe(400);
    const error = await refusal(response);
    expect(error).toMatchObject({ code: "invalid_json", message: expect.stringMatching(words) as string });
    expect(error.message).not.toContain(secret);
  });

  it("bytes that are no UTF-8 do no harm", async () => {
    const response = await proxy.post(
      Buffer.concat([Buffer.from('{"model":"lab/'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    );
    expect(response.status).toBe(400);
    expect((await refusal(response)).param).toBe("messages");
  });

  it("a byte order mark at the beginning is named as the fault", async () => {
    const response = await proxy.post(`\uFEFF${good}`);
    expect(response.status).toBe(400);
    expect((await refusal(response)).message).toContain("at position 0");
  });
});

describe("a model", () => {
  const messages = '"messages":[{"role":"user","content":"x"}]';
  it.each([
    [`{${messages}}`, 400, "invalid_request"],
    [`{"model":"",${messages}}`, 400, "invalid_request"],
    [`{"model":null,${messages}}`, 400, "invalid_request"],
    [`{"model":7,${messages}}`, 400, "invalid_request"],
    [`{"model":["lab/m"],${messages}}`, 400, "invalid_request"],
    [`{"model":{"toString":"lab/m"},${messages}}`, 400, "invalid_request"],
    [`{"model":"nobody/x",${messages}}`, 404, "model_not_found"],
    [`{"model":"lab/",${messages}}`, 404, "model_not_found"],
    [`{"model":"/m",${messages}}`, 404, "model_not_found"],
    [`{"model":"__proto__/x",${messages}}`, 404, "model_not_found"],
    [`{"model":"constructor",${messages}}`, 404, "model_not_found"],
    [`{"model":"a\\"b\\n\\u0000</script>",${messages}}`, 404, "model_not_found"],
    [`{"model":"${"m".repeat(50_000)}",${messages}}`, 404, "model_not_found"],
  ])("that cannot be asked is refused: %.60s", async (body, code, name) => {
    const response = await proxy.post(body);
    expect(response.status).toBe(code);
    const error = await refusal(response);
    expect(error).toMatchObject({ code: name, param: "model" });
    // However long a name is, the answer is short.
    expect(error.message.length).toBeLessThan(600);
  });

  it.each([
    ['"messages":{}', "messages"],
    ['"messages":[]', "messages"],
    ['"messages":[7]', "messages[0]"],
    ['"messages":[{"content":"x"}]', "messages[0].role"],
    [`${messages},"stream":"yes"`, "stream"],
  ])("that can be asked something else than this is a 400: %s", async (fields, param) => {
    const response = await proxy.post(`{"model":"lab/m",${fields}}`);
    expect(response.status).toBe(400);
    expect(await refusal(response)).toMatchObject({ param });
  });
});

describe("size and depth", () => {
  const nested = (depth: number, open = "[", close = "]"): string =>
    `{"model":"lab/m","messages":[{"role":"user","content":"x"}],"deep":${open.repeat(depth)}1${close.repeat(depth)}}`;

  it.each([
    [100_000, "[", "", ""],
    [40_000, "[", "]", "closed"],
    [15_000, '{"a":', "}", "objects"],
    [600, "[", "]", "just too deep"],
  ])("%i levels of %s%s are a 400", async (depth, open, close) => {
    const response = await proxy.post(nested(depth, open, close).slice(0, maxBody));
    expect(response.status).toBe(400);
    expect((await refusal(response)).code).toBe("invalid_json");
  });

  it("a sane depth goes through unchanged", async () => {
    const before = proxy.upstream.requests.length;
    expect((await proxy.post(nested(100))).status).toBe(200);
    expect((await proxy.upstream.received(before + 1)).body).toBe(nested(100).replace("lab/m", "m"));
  });

  it("a body of exactly the limit is accepted, one byte more is a 413", async () => {
    const pad = (size: number): string => good.replace('"hi"', `"${"x".repeat(size - good.length + 2)}"`);
    expect((await proxy.post(pad(maxBody))).status).toBe(200);
    const response = await proxy.post(pad(maxBody + 1));
    expect(response.status).toBe(413);
    expect(await refusal(response)).toMatchObject({
      code: "request_too_large",
      message: expect.stringContaining("100000") as string,
    });
  });

  it("counts bytes, not characters", async () => {
    const body = good.replace("hi", "ü".repeat(maxBody / 2));
    expect(body.length).toBeLessThan(maxBody);
    expect((await proxy.post(body)).status).toBe(413);
  });
});

describe("keys of objects that name what every object has", () => {
  const odd =
    '{"__proto__":{"polluted":true,"stream":true},"constructor":{"prototype":{"polluted":true}},"model":"lab/m",' +
    '"toString":1,"messages":[{"role":"user","content":"x","__proto__":{"role":"system"}}],"hasOwnProperty":false}';

  it("reach the upstream as they are and pollute nothing", async () => {
    const before = proxy.upstream.requests.length;
    expect((await proxy.post(odd)).status).toBe(200);
    expect((await proxy.upstream.received(before + 1)).body).toBe(odd.replace("lab/m", "m"));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it("do not stand in for a field that is missing", async () => {
    const response = await proxy.post('{"__proto__":{"model":"lab/m","messages":[{"role":"user","content":"x"}]}}');
    expect(response.status).toBe(400);
    expect((await refusal(response)).param).toBe("model");
  });
});

describe("content types", () => {
  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
    "nonsense",
  ])("%j with JSON inside is accepted", async (type) => {
    expect((await proxy.post(good, { "content-type": type })).status).toBe(200);
  });

  it.each([
    "multipart/form-data; boundary=x",
    "text/html",
    "application/xml",
    "application/octet-stream",
    "image/png",
    "audio/wav",
  ])("%s is a 415", async (type) => {
    const response = await proxy.post(good, { "content-type": type });
    expect(response.status).toBe(415);
    expect((await refusal(response)).message).toContain("application/json");
  });

  it.each(["gzip", "br", "zstd", "gzip, identity"])("a body encoded as %s is a 415", async (coding) => {
    const response = await proxy.post(good, { "content-encoding": coding });
    expect(response.status).toBe(415);
    expect((await refusal(response)).message).toContain(coding);
  });

  it("a form that is one is a 400", async () => {
    const response = await proxy.post("model=lab%2Fm&q=canary9", {
      "content-type": "application/x-www-form-urlencoded",
    });
    expect(response.status).toBe(400);
    expect(JSON.stringify(await refusal(response))).not.toContain("canary9");
  });
});

it("every bad request above was recorded once and none reached the upstream", () => {
  const refused = proxy.records.filter((code) => code >= 400);
  expect(refused.length).toBeGreaterThan(40);
  expect(proxy.upstream.requests).toHaveLength(proxy.records.length - refused.length);
});
