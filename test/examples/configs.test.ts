import { afterEach, expect, it, vi } from "vitest";
import { createProxy, type Proxy, type ResolvedConfig } from "waygate";
import {
  answer,
  models,
  scripted,
  type ScriptRequest,
  status,
  type Step,
  virtualClock,
  virtualTransport,
} from "waygate/testing";

const proxies: Proxy[] = [];
afterEach(async () => {
  for (const proxy of proxies.splice(0)) await proxy.close();
  vi.resetModules();
});

/** The example's proxy with these variables, and no network but `upstream`. */
async function proxyOf(
  load: () => Promise<{ default: object }>,
  env: { readonly [name: string]: string },
  upstream: (request: ScriptRequest) => Step,
): Promise<(model: string) => Promise<Response>> {
  for (const [name, value] of Object.entries({ PROXY_API_KEY: "client-key", ...env })) vi.stubEnv(name, value);
  const { default: config } = await load();
  const clock = virtualClock();
  const step = (request: ScriptRequest): Step => (request.method === "GET" ? models(["listed"]) : upstream(request));
  const proxy = createProxy(
    { ...(config as Pick<ResolvedConfig, "plugins">), log: { level: "silent" } },
    { runtime: { clock, transport: virtualTransport(scripted(step), { clock }) } },
  );
  proxies.push(proxy);
  return (model) =>
    proxy.fetch("http://waygate.localhost/v1/chat/completions", {
      method: "POST",
      headers: { authorization: "Bearer client-key" },
      body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] }),
    });
}

it("examples/basic: the alias is served by the groq keys, and by the lab when they cannot", async () => {
  let groqIsUp = true;
  const ask = await proxyOf(
    () => import("../../examples/basic/proxy.config.ts"),
    { GROQ_API_KEY_1: "one", GROQ_API_KEY_2: "two" },
    ({ key }) => (key === undefined || groqIsUp ? answer() : status(429, { error: { message: "slow down" } })),
  );
  expect((await ask("smart")).headers.get("x-waygate-provider")).toBe("groq");
  groqIsUp = false;
  const second = await ask("smart");
  expect([second.status, second.headers.get("x-fallback-provider")]).toEqual([200, "lab"]);
  expect(second.headers.get("x-waygate-attempts")).toBe("3");
});

it("examples/tiers: a model goes to the paid tier once every free one is used up", async () => {
  const empty = new Set<string>();
  const ask = await proxyOf(
    () => import("../../examples/tiers/proxy.config.ts"),
    { GROQ_API_KEY: "groq-key", CEREBRAS_API_KEY: "cerebras-key", TOGETHER_API_KEY: "together-key" },
    ({ key = "" }) => (empty.has(key) ? status(429, { error: { message: "used up" } }) : answer()),
  );
  const served: (string | null)[] = [];
  for (const used of ["", "groq-key", "cerebras-key"]) {
    empty.add(used);
    served.push((await ask("groq/openai/gpt-oss-120b")).headers.get("x-waygate-provider"));
  }
  expect(served).toEqual(["groq", "cerebras", "together"]);
});
