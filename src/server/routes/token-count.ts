/** `POST /v1/token-count`: how many tokens the messages of a chat completion are, asking no upstream. */
import { modelNamed } from "../../catalog/target.ts";
import { countTokens } from "../../catalog/tokens.ts";
import { authenticate } from "../../pipeline/auth.ts";
import { acceptBody } from "../../pipeline/accept.ts";
import { RequestState } from "../../pipeline/context.ts";
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { Route } from "../route.ts";
import { bodyReader } from "../read-body.ts";
import { json } from "../reply.ts";

export function tokenCount({ app, hooks }: Pipeline): Route {
  const protocol = app.protocol("openai-chat");
  return {
    methods: {
      async POST({ req, id, ip }) {
        const state = new RequestState({ app, req, id, protocol, operation: "count-tokens", ip });
        await authenticate(app, hooks, state.ctx);
        acceptBody(state, await bodyReader(req, app.config.server.maxBody)());
        const { model } = modelNamed(state.ctx.model, app.models);
        return json({ token_count: await countTokens(state.ctx.request, model, req.signal) }, id);
      },
    },
  };
}
