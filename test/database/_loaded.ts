/** Starts a proxy with the plugins that are named, and prints whether the query builder was loaded for it. */
import { registerHooks } from "node:module";

let isLoaded = false;
registerHooks({
  resolve(specifier, context, next) {
    isLoaded ||= specifier === "kysely";
    return next(specifier, context);
  },
});

const { createProxy } = await import("waygate");
const { echo } = await import("waygate/plugins/echo");
const { proxyKey } = await import("waygate/plugins/proxy-key");
const { promptFilter } = await import("waygate/plugins/prompt-filter");
const { modelFilter } = await import("waygate/plugins/model-filter");
const { usage } = await import("waygate/plugins/usage");
const { users } = await import("waygate/plugins/users");

const all = { filters: () => [promptFilter(), modelFilter()], usage: () => [usage()], users: () => [users()] };
const { DATABASE = "", PLUGINS = "" } = process.env;
const named = PLUGINS.split(" ").flatMap((name) => all[name as keyof typeof all]());

const proxy = createProxy({
  plugins: [proxyKey({ keys: ["k-for-the-test"] }), ...named, echo()],
  database: { path: DATABASE },
  dataDir: `${DATABASE}-data`,
  log: { level: "error" },
});
await proxy.ready();
const { status } = await proxy.fetch("http://waygate.localhost/v1/chat/completions", {
  method: "POST",
  headers: { authorization: "Bearer k-for-the-test", "content-type": "application/json" },
  body: JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "hello" }] }),
});
await proxy.close();
process.stdout.write(JSON.stringify({ status, isLoaded }));
