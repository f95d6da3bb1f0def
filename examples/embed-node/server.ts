import { createServer } from "node:http";
import { createProxy, toNodeHandler } from "waygate";
import { echo } from "waygate/plugins/echo";

const proxy = createProxy({ plugins: [echo()] });
const server = createServer(toNodeHandler(proxy)); // Express: app.use("/llm", toNodeHandler(proxy)), before body parsers

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
