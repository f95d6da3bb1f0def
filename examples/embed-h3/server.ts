import { H3, serve } from "h3";
import { createProxy } from "waygate";
import { echo } from "waygate/plugins/echo";

const proxy = createProxy({ plugins: [echo()] }); // synchronous, opens nothing

const app = new H3().get("/", () => "Your own app").mount("/llm", proxy); // clients use http://localhost:3000/llm/v1

serve(app, { port: Number(process.env.PORT ?? 3000), hostname: "127.0.0.1" });
