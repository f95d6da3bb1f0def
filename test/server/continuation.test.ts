/** `previous_response_id`: the account that made an answer is the only one that can continue it. */
import { expect, it } from "vitest";
import { proxyKey } from "waygate/plugins/proxy-key";
import { rotate } from "waygate/plugins/rotate";
import { mixed } from "../pipeline/_mixed.ts";
import { wires } from "../sdk/_upstreams.ts";

const ask = (more: object = {}) => ({ model: "up/m", input: "hi", ...more });
const keyOf = (headers: { readonly [name: string]: string } | undefined): string | undefined =>
  headers?.["authorization"];

it.each([
  ["whole", {}],
  ["streamed", { stream: true }],
])("a %s answer is continued with the key that made it, however keys rotate", async (_, how) => {
  const { post, upstreams } = await mixed(
    { up: "openai-responses" },
    { keys: ["k1", "k2", "k3", "k4"], plugins: [rotate({ mode: "round-robin" })] },
  );
  const first = await post("/v1/responses", ask(how));
  const id = /"id":"(resp_[^"]+)"/.exec(first.text)?.[1];
  expect(id).toBeDefined();
  for (let turn = 0; turn < 4; turn++) {
    expect((await post("/v1/responses", ask({ ...how, previous_response_id: id }))).status).toBe(200);
  }
  const keys = upstreams["up"]?.requests.map(({ headers }) => keyOf(headers));
  expect(new Set(keys)).toEqual(new Set([keys?.[0]]));
});

it("an answer nobody has seen is refused in OpenAI's words, and nobody is asked", async () => {
  const { post, upstreams } = await mixed({ up: "openai-responses" });
  const answer = await post("/v1/responses", ask({ previous_response_id: "resp_unknown" }));
  expect(answer.status).toBe(400);
  expect(answer.json["error"]).toMatchObject({
    type: "invalid_request_error",
    code: "previous_response_not_found",
    param: "previous_response_id",
  });
  expect(upstreams["up"]?.requests).toHaveLength(0);
});

it("an answer of another protocol's upstream cannot be continued, and says so", async () => {
  const { post, upstreams } = await mixed({ up: "anthropic" });
  const first = await post("/v1/responses", ask());
  expect(first.json["id"]).toMatch(/^resp_/);
  const next = await post("/v1/responses", ask({ previous_response_id: first.json["id"] }));
  expect(next.status).toBe(400);
  expect(upstreams["up"]?.requests).toHaveLength(1);
});

it("the answer of one client is not another's to continue", async () => {
  const { post } = await mixed(
    { up: "openai-responses" },
    { plugins: [proxyKey({ keys: ["client-one-key-1", "client-two-key-2"] })] },
  );
  const as = (key: string) => ({ authorization: `Bearer ${key}` });
  const { json } = await post("/v1/responses", ask(), as("client-one-key-1"));
  const theirs = await post("/v1/responses", ask({ previous_response_id: json["id"] }), as("client-two-key-2"));
  expect(theirs.status).toBe(400);
  const own = await post("/v1/responses", ask({ previous_response_id: json["id"] }), as("client-one-key-1"));
  expect(own.status).toBe(200);
});

it("an answer that was not to be kept is not remembered", async () => {
  const { post } = await mixed({ up: "openai-responses" });
  const { json } = await post("/v1/responses", ask({ store: false }));
  expect((await post("/v1/responses", ask({ previous_response_id: json["id"] }))).status).toBe(400);
});

it("a continued request does not fall over to another key", async () => {
  const { post, upstreams } = await mixed({ up: "openai-responses" }, { keys: ["k1", "k2"] });
  const { json } = await post("/v1/responses", ask());
  upstreams["up"]?.always(wires["openai-responses"].refuses(429, "slow down", { "retry-after": "30" }));
  const next = await post("/v1/responses", ask({ previous_response_id: json["id"] }));
  expect(next.status).toBe(429);
  const keys = upstreams["up"]?.requests.map(({ headers }) => keyOf(headers));
  expect(new Set(keys)).toEqual(new Set([keys?.[0]]));
});
