import { expect, test } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { answer, createTestProxy, createUpstream, status } from "waygate/testing";
import { acme } from "../custom-provider/acme.ts";

test("a key without credit is gone around and stays out", async () => {
  await using upstream = await createUpstream();
  upstream.when({ key: "empty" }, status(418, { error: { message: "no fuel" } }));
  upstream.when({ key: "full" }, answer({ text: "hello" }));
  await using proxy = await createTestProxy({
    plugins: [acme({ baseURL: upstream.url, keys: ["empty", "full"] }), cooldown()],
  });

  const response = await proxy.chat({ model: "acme/acme-large" });

  expect(response.status).toBe(200);
  expect(upstream.requests.map((request) => request.key)).toEqual(["empty", "full"]);
  expect(await (await proxy.fetch("/health")).json()).toEqual({ status: "ok", keys: { "no-credit": 1, active: 1 } });
});
