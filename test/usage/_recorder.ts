/** A proxy with a ledger that is asked without a pause and prints the name and the time of each request, until it is killed. */
import { createProxy, definePlugin } from "waygate";
import { echo } from "waygate/plugins/echo";
import { usage } from "waygate/plugins/usage";

const { DATABASE = "" } = process.env;
const printer = definePlugin({
  name: "printer",
  hooks: { record: (_, { id }) => void process.stdout.write(`${id} ${Date.now()}\n`) },
});
const proxy = createProxy({
  plugins: [echo(), usage({ prices: { "echo/*": { input: 1, output: 1 } }, addresses: false }), printer],
  database: { path: DATABASE },
  log: { level: "error" },
});
await proxy.ready();

let count = 0;
setInterval(() => {
  const headers = { "content-type": "application/json", "x-request-id": `r${++count}` };
  const body = JSON.stringify({ model: "echo/echo", messages: [{ role: "user", content: "hello" }] });
  void proxy
    .fetch("http://waygate.localhost/v1/chat/completions", { method: "POST", headers, body })
    .then((response) => response.text());
}, 4);
