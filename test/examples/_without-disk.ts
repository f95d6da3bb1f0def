/** Runs the serverless example with every function that touches a disk replaced, and prints which were called. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { default: platform, fetch } = await import("../../examples/serverless/handler.ts");

const touched: string[] = [];
for (const [place, functions] of Object.entries({ "fs.": fs, "fs.promises.": fs.promises })) {
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value !== "function" || /^[A-Z]/.test(name)) continue;
    const watched = (...args: unknown[]): unknown => {
      // Modules that load on first use are files as well, but code: a platform bundles them.
      const callers = new Error("who asks?").stack?.split("\n").filter((line) => !line.includes("at async ")) ?? [];
      if (!callers.some((line) => line.includes("node:internal/modules/"))) touched.push(place + name);
      return Reflect.apply(value, functions, args);
    };
    Object.defineProperty(functions, name, { value: watched });
  }
}
syncBuiltinESMExports();

const ask = (stream: boolean): Promise<string> =>
  platform
    .fetch(
      new Request("http://function.localhost/v1/chat/completions", {
        method: "POST",
        headers: { authorization: "Bearer client-key" },
        body: JSON.stringify({ model: "openai/gpt-5-mini", stream, messages: [{ role: "user", content: "hello" }] }),
      }),
    )
    .then((response) => response.text());

const texts = [await ask(false), await ask(true)];
await fetch("http://function.localhost/v1/models", { headers: { authorization: "Bearer client-key" } });
const { status } = await fetch("http://function.localhost/v1/models");
process.stdout.write(JSON.stringify({ touched, texts, unauthorized: status }));
process.exit(0);
