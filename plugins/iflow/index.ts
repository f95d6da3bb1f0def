/** The models of iFlow through its accounts, and through keys. */
import { type ApiKey, type Attempt, type Body, type Plugin, type Provider, withField } from "waygate";
import { type Account, accountHolder, type AccountOptions, accountOptions } from "waygate/plugins/oauth";
import {
  finishRewriter,
  openaiCompatibleAccounts,
  type OpenAICompatibleOptions,
  type ProviderOptions,
  textIn,
  unusableAccount,
} from "waygate/plugins/openai-compatible";
import { iflowAccount, type IflowAddresses } from "./account.ts";
import { discontinued, failures } from "./failures.ts";
import { models } from "./models.ts";
import { signatureOf, uuid } from "./signature.ts";
import { withThinking } from "./thinking.ts";

export interface IflowOptions<Name extends string = string, Model extends string = string>
  extends ProviderOptions<Name, Model>, IflowAddresses, AccountOptions {}

/** The risk is the user's to take, so it is said where it cannot be missed. */
const risk =
  "The service was closed on 17 April 2026; what is here is for private clones of it and for tests. Accounts were meant for iFlow's own program.";

const DAY = 86_400_000;

const noop = {
  type: "function",
  function: { name: "noop", description: "Does nothing.", parameters: { type: "object" } },
};

/** Accounts are signed in to with `proxy login iflow`; keys come from `IFLOW_API_KEY`. */
export function iflow<const Name extends string = "iflow", const Model extends string = never>(
  options: IflowOptions<Name, Model> = {},
): Plugin<readonly [Provider<NoInfer<Name>, (typeof models)[number] | NoInfer<Model>, ApiKey | Account>]> {
  const { name = "iflow", refreshAhead = DAY } = options as IflowOptions;
  const kind = iflowAccount({ ...options, provider: name, risk });
  const holder = accountHolder(kind, { ...accountOptions(options), refreshAhead });

  const stated = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const plugin = openaiCompatibleAccounts(
    {
      defaultBaseURL: "https://apis.iflow.cn/v1",
      completions: false,
      usualModels: models,
      // Whoever sends stream_options is refused with 406; usage comes all the same.
      streamUsage: false,
      drop: ["stream_options"],
      rename: { max_completion_tokens: "max_tokens" },
      developerRole: false,
      allowedTools: false,
      failures,
      adapt(body: Body, { model }: Attempt<ApiKey>) {
        const { tools } = body.json;
        const isEmpty = Array.isArray(tools) && tools.length === 0;
        return withThinking(isEmpty ? withField(body, ["tools"], [noop]) : body, model);
      },
      rewrite: () => finishRewriter({ swallow: noop.function.name }),
      ...(stated as Partial<OpenAICompatibleOptions>),
      name,
      // There is no list that could be relied on.
      discover: options.discover ?? false,
      headers: { "user-agent": "iFlow-Cli", ...options.headers },
    },
    {
      holder,
      ended: discontinued,
      sign({ headers }, { ctx }) {
        const { clock, random } = ctx.app.runtime;
        const time = Math.round(clock.now());
        const session = `session-${uuid(random)}`;
        const key = (headers["authorization"] ?? "").replace("Bearer ", "");
        const agent = headers["user-agent"] ?? "";
        return {
          "session-id": session,
          "x-iflow-timestamp": String(time),
          "x-iflow-signature": signatureOf(key, { agent, session, time }),
        };
      },
      keyOf(fields) {
        const key = textIn(fields, "api_key");
        if (key !== undefined) return { key };
        throw unusableAccount(`The account has no api_key. Sign in again: proxy login ${name}`);
      },
    },
  );
  return plugin as Plugin as ReturnType<typeof iflow<Name, Model>>;
}
