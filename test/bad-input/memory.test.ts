/** Thousands of bad requests leave nothing behind. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { head, raw } from "../server/_raw.ts";
import { bench, chatHead, good, maxBody } from "./_bench.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const mebibyte = 1024 * 1024;

it("3000 bad requests leave memory as it was, and no request or connection behind", async () => {
  await using proxy = await bench();
  const messages = '"messages":[{"role":"user","content":"x"}]';
  const bodies = [
    (index: number) => `{"model":"lab/m","x":${index},}`,
    () => "",
    () => `[${good}]`,
    () => "[".repeat(20_000),
    () => good + " ".repeat(maxBody),
    (index: number) => `{"model":"nobody-${index}/${"m".repeat(200)}",${messages}}`,
    (index: number) => `{"__proto__":{"a":${index}},"model":${index},${messages}}`,
  ];
  const wires = [
    (index: number) => head(`GET /v1/%zz${index}`, { connection: "close" }),
    (index: number) => `GARBAGE ${index}\r\n\r\n`,
    () => head("GET /", { "x-long": "a".repeat(20_000) }),
    () => `${chatHead({ "transfer-encoding": "chunked" })}zz\r\n`,
  ];
  let count = 0;
  const round = async (requests: number): Promise<void> => {
    const end = count + requests;
    const worker = async (): Promise<void> => {
      while (count < end) {
        const index = count++;
        if (index % 4 === 0)
          expect((await raw(proxy.url, [wires[(index / 4) % wires.length]!(index)])).status).toBeGreaterThanOrEqual(
            400,
          );
        else {
          const response = await proxy.post(bodies[index % bodies.length]!(index));
          expect(response.status).toBeGreaterThanOrEqual(400);
          await response.arrayBuffer();
        }
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
  };
  const measure = (): NodeJS.MemoryUsage => {
    collect();
    collect();
    return process.memoryUsage();
  };

  await round(600);
  const before = measure();
  await round(2400);
  const after = measure();
  // A request that stayed would keep at least its body: 2400 of them are over 40 MB.
  expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(6 * mebibyte);
  expect(after.rss - before.rss).toBeLessThan(150 * mebibyte);
  expect(proxy.upstream.requests).toHaveLength(0);
  await proxy.lives();
}, 30_000);
