/** A proxy that saves a record of every request and prints when it did, until somebody kills it. */
import { createProxy, definePlugin } from "waygate";
import { echo } from "waygate/plugins/echo";

const { DATABASE = "" } = process.env;
let count = 0;

const ledger = definePlugin({
  name: "ledger",
  usesDatabase: true,
  setup(app) {
    app.database!.write("CREATE TABLE IF NOT EXISTS ledger (number INTEGER, tokens INTEGER)");
  },
  hooks: {
    record(outcome, { app }) {
      app.database!.write("INSERT INTO ledger VALUES (?, ?)", ++count, outcome.usage?.output ?? 0);
      process.stdout.write(`${count} ${Date.now()}\n`);
    },
  },
});

const proxy = createProxy({
  plugins: [echo(), ledger],
  database: { path: DATABASE },
  log: { level: "error" },
});
await proxy.ready();

setInterval(() => {
  void proxy
    .fetch("http://waygate.localhost/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "hello" }] }),
    })
    .then((response) => response.text());
}, 4);
