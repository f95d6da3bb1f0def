/** A proxy with users in a process of its own: answers requests until it is killed, or sends them itself. */
import { setTimeout as sleep } from "node:timers/promises";
import { createProxy } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { redis } from "waygate/plugins/redis";
import { users } from "waygate/plugins/users";

const { UPSTREAM_URL = "", DATA_DIR = "", DATABASE = "", REDIS_URL = "", TOKENS = "", REQUESTS = "0" } = process.env;

const proxy = createProxy(
  {
    plugins: [
      ...(REDIS_URL === "" ? [] : [redis({ url: REDIS_URL, wait: 10_000 })]),
      openaiCompatible({ name: "lab", baseURL: UPSTREAM_URL, keys: ["key"], models: ["m"], discover: false }),
      users(),
    ],
    dataDir: DATA_DIR,
    database: { path: DATABASE },
    retry: { queueWait: 0 },
    log: { level: "error" },
  },
  { adminKey: "the-administrator-of-this-test" },
);
await proxy.ready();

const tokens = TOKENS.split(",");
const ask = async (index: number): Promise<number> => {
  const response = await proxy.fetch("http://waygate.localhost/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${tokens[index % tokens.length]}` },
    // Guessed to be less than it is, so that every request overruns its guess.
    body: JSON.stringify({
      ...{ model: "lab/m", stream: index % 2 === 1, max_tokens: 5 },
      messages: [{ role: "user", content: "hello" }],
    }),
  });
  await response.text();
  return response.status;
};

if (REQUESTS === "endless") {
  for (let index = 0; ; index++) {
    process.stdout.write(`${index % tokens.length} ${await ask(index)} ${Date.now()}\n`);
    // Else it takes a whole processor from the tests beside it.
    await sleep(5);
  }
}
const statuses: number[] = [];
// Eight at a time, so that many are in flight and not all of them before the first is counted.
const next = Array.from({ length: Number(REQUESTS) }, (_, index) => index).values();
await Promise.all(
  Array.from({ length: 8 }, async () => {
    for (const index of next) statuses.push(await ask(index));
  }),
);
await proxy.close();
process.stdout.write(JSON.stringify(statuses));
