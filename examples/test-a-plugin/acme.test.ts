import { test } from "vitest";
import { testProvider } from "waygate/testing";
import { acme } from "../custom-provider/acme.ts";

test("acme does what every provider must", async () => {
  await testProvider({ plugin: ({ baseURL, keys }) => acme({ baseURL, keys: [...keys] }), model: "acme-large" });
});
