/** What a refusal in a provider's own words means, over the whole proxy. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestProxy, type TestProxy, type Upstream, virtualClock } from "waygate/testing";
import { allRows } from "./fakes/all.ts";
import { createFake, type Play, start } from "./fakes/fake.ts";

const scopes: { readonly [kind: string]: string } = {
  credential_invalid: "credential",
  no_credit: "credential",
  banned: "credential",
};

const upstreams: Upstream[] = [];
let proxy: TestProxy;

beforeAll(async () => {
  const plugins = [];
  for (const row of allRows) {
    const upstream = await createFake(row.fake);
    upstreams.push(upstream);
    plugins.push(row.plugin({ baseURL: upstream.url, keys: ["a-key-of-the-proxy"], discover: false }));
  }
  proxy = await createTestProxy({
    plugins,
    retry: { attempts: 1, sameCredential: 0 },
    runtime: { clock: virtualClock({ start }) },
  });
});

afterAll(async () => {
  await proxy.close();
  await Promise.all(upstreams.map((upstream) => upstream.close()));
});

const plays = allRows.flatMap((row) =>
  Object.entries(row.fake.plays).map(([model, play]): [string, Play] => [`${row.id}/${model}`, play]),
);

describe("the failure", () => {
  test.each(plays)("%s is read as what it means", async (model, { kind, scope, retryIn }) => {
    const before = proxy.records.length;
    await (await proxy.chat({ model })).text();
    const { ctx } = await proxy.recorded(before + 1);
    const error = ctx.attempts[0]?.error;
    expect({
      kind: error?.kind,
      scope: error?.scope,
      retryIn: error?.retryAt === undefined ? undefined : error.retryAt - start,
    }).toEqual({ kind, scope: scope ?? scopes[kind] ?? "model", retryIn });
  });
});

test("the names of keys, organisations and tokens in a provider's words stay here", async () => {
  const response = await proxy.chat({ model: "groq/tpd" });
  expect(await response.text()).not.toMatch(/org_01hx|a-key-of-the-proxy/);
  expect(response.status).toBe(429);
});

test("a client that AgentRouter does not admit is not told that its key is wrong", async () => {
  const before = proxy.records.length;
  const response = await proxy.chat({ model: "agentrouter/m" });
  expect(response.status).toBe(400);
  expect((await proxy.recorded(before + 1)).outcome.error?.message).toMatch(/certain client programs only/);
});
