/** `POST /v1/token-count`: how many tokens the messages of a chat completion are. */
import type { Pipeline } from "../../pipeline/pipeline.ts";
import { handleRequest } from "../../pipeline/run.ts";
import { bodyReader } from "../read-body.ts";
import type { Route } from "../route.ts";

export function tokenCount(pipeline: Pipeline): Route {
  const { app } = pipeline;
  const protocol = app.protocol("openai-chat");
  return {
    methods: {
      POST: ({ req, id, ip }) =>
        handleRequest(pipeline, {
          req,
          id,
          ip,
          protocol,
          operation: "count-tokens",
          readBody: bodyReader(req, app.config.server.maxBody),
          writeCount: (tokens) => ({ token_count: tokens }),
        }),
    },
  };
}
