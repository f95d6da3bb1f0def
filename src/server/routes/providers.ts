/** `GET /v1/providers`: names; with `?detail=true` also tier, keys by state and number of models. */
import type { Pipeline } from "../../pipeline/pipeline.ts";
import type { Route } from "../route.ts";
import { keysByState } from "../key-states.ts";
import { identify } from "../plugin-routes.ts";
import { json } from "../reply.ts";

export function providers({ app, ...rest }: Pipeline): Route {
  const pipeline = { app, ...rest };
  return {
    methods: {
      async GET(call) {
        await identify(pipeline, app.protocol("openai-chat"), call);
        const active = app.providers.filter((provider) => app.credentials.list(provider.name).length > 0);
        if (call.url.searchParams.get("detail") !== "true")
          return json(
            active.map((provider) => provider.name),
            call.id,
          );
        const detailed = active.map((provider) => ({
          name: provider.name,
          tier: provider.tier ?? null,
          keys: keysByState(app, provider.name),
          models: app.models.listed(provider.name).length,
        }));
        return json(detailed, call.id);
      },
    },
  };
}
