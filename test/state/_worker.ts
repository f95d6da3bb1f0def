/** One process with two proxies that share a Redis: sends its requests all at once and prints the statuses. */
import { createProxy } from "waygate";
import { limits } from "waygate/plugins/limits";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { redis } from "waygate/plugins/redis";

const { UPSTREAM_URL = "", REDIS_URL = "", REQUESTS = "0", LIMIT = "0" } = process.env;

const worker = (): ReturnType<typeof createProxy> =>
  createProxy({
    plugins: [
      redis({ url: REDIS_URL, wait: 10_000 }),
      openaiCompatible({ name: "lab", baseURL: UPSTREAM_URL, keys: ["shared-key"], models: ["m"], discover: false }),
      limits({ keys: { rpm: Number(LIMIT) } }),
    ],
    retry: { queueWait: 0 },
    log: { level: "error" },
  });

const workers = [worker(), worker()];
await Promise.all(workers.map((each) => each.ready()));
const answers = await Promise.all(
  Array.from({ length: Number(REQUESTS) }, async (_, index) => {
    const response = await workers[index % 2]!.fetch("http://waygate.localhost/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hello" }] }),
    });
    await response.text();
    return response.status;
  }),
);
await Promise.all(workers.map((each) => each.close()));
process.stdout.write(JSON.stringify(answers));
