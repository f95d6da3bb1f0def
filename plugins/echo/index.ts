/** A provider without network or key, to try the proxy with: the answer is made from the request. */
import { anonymousCredential, definePlugin, defineProvider, type ApiKey, type Plugin, type Provider } from "waygate";
import { answerTo } from "./answer.ts";
import { render, renderError } from "./render.ts";

/**
 * The model `echo/echo` repeats the last user message, or calls a tool when it must or is asked to (`call NAME {…}`).
 * Equal requests get equal answers, `created` aside.
 */
export function echo(): Plugin<readonly [Provider<"echo", "echo", ApiKey>]> {
  return definePlugin({
    name: "echo",
    providers: [
      defineProvider<"echo", "echo", ApiKey>({
        name: "echo",
        protocol: "openai-chat",
        models: ["echo"],
        keyless: true,
        prepare: (wire) => wire,
        call(wire, attempt) {
          const text = wire.body?.text ?? "{}";
          const answer = answerTo(text);
          if ("problem" in answer) return Promise.resolve(renderError(answer));
          const created = Math.floor(attempt.ctx.app.runtime.clock.now() / 1000);
          return Promise.resolve(render(answer, { model: attempt.model, created, signal: attempt.signal }));
        },
      }),
    ],
    setup(app) {
      app.credentials.add(anonymousCredential("echo"));
    },
  });
}
