/** `GET /`: what answers here, for whoever opened the address. */
import { FastResponse } from "srvx";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { Route } from "../route.ts";
import { json } from "../reply.ts";

const page = (base: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>waygate</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}code{background:#8882;padding:.1em .3em}</style>
<h1>waygate is running</h1>
<p>The API is at <code>${base}/v1</code>; point a client there. Models: <a href="${base}/v1/models">${base}/v1/models</a>. State: <a href="${base}/health">${base}/health</a>.</p>
</html>
`;

export function root({ app }: Pipeline): Route {
  const { base } = app.config;
  return {
    methods: {
      GET(call) {
        if (call.req.headers.get("accept")?.includes("text/html")) {
          return new FastResponse(page(base), {
            headers: { "content-type": "text/html; charset=utf-8", "x-request-id": call.id },
          });
        }
        return json({ status: "waygate is running", api: `${base}/v1`, models: app.models.list().length }, call.id);
      },
    },
  };
}
