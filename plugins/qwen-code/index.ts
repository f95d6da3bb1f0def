/** Qwen through accounts of Qwen Code, and through keys. */
import {
  type ApiKey,
  type Attempt,
  baseUrl,
  type Body,
  type HeaderRecord,
  type Plugin,
  type Provider,
  withField,
} from "waygate";
import { type Account, accountHolder, type AccountOptions, accountOptions } from "waygate/plugins/oauth";
import {
  chainRewriters,
  finishRewriter,
  openaiCompatibleAccounts,
  type OpenAICompatibleOptions,
  type ProviderOptions,
  textIn,
  thinkRewriter,
} from "waygate/plugins/openai-compatible";
import { qwenAccount, type QwenAddresses } from "./account.ts";
import { addressIn } from "./address.ts";
import { discontinued, failures } from "./failures.ts";
import { withOneSystem } from "./messages.ts";
import { withPlainTools } from "./schema.ts";

export interface QwenCodeOptions<Name extends string = string, Model extends string = string>
  extends ProviderOptions<Name, Model>, QwenAddresses, AccountOptions {
  /**
   * Adds a tool that does nothing to requests without tools, because some models answer with broken streams to those.
   * Calls of it never reach the client. Default: for `coder-model` and `qwen3-coder-*`.
   */
  readonly injectDummyTool?: boolean;
  /** False: messages are sent as they are. Default: one system message, the first, is made of all of them. */
  readonly oneSystemMessage?: boolean;
}

const models = ["qwen3-coder-plus", "qwen3-coder-flash", "coder-model", "vision-model"] as const;

/** The risk is the user's to take, so it is said where it cannot be missed. */
const risk =
  "Its free accounts were discontinued on 15 April 2026: a login may still work, requests are refused. Accounts are meant for Qwen's own program. Paid keys (QWEN_CODE_API_KEY) have neither problem.";

/** What the service takes of a request (CLIProxyAPI and LLM-API-Key-Proxy, `qwen_code`). */
const taken = [
  ...["model", "messages", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stream", "stream_options"],
  ...["tools", "tool_choice", "presence_penalty", "frequency_penalty", "n", "stop", "seed", "response_format"],
];

const dummyName = "do_not_call_me";
const dummyTool = {
  type: "function",
  function: {
    name: dummyName,
    description: "Does nothing. Never call this tool under any circumstances.",
    parameters: { type: "object", properties: {} },
  },
} as const;

/** Accounts are signed in to with `proxy login qwen_code`; keys come from `QWEN_CODE_API_KEY`. */
export function qwenCode<const Name extends string = "qwen_code", const Model extends string = never>(
  options: QwenCodeOptions<Name, Model> = {},
): Plugin<readonly [Provider<NoInfer<Name>, (typeof models)[number] | NoInfer<Model>, ApiKey | Account>]> {
  const { name = "qwen_code", allowedHosts, injectDummyTool, oneSystemMessage = true } = options as QwenCodeOptions;
  const portal = "https://portal.qwen.ai/v1";
  const address = baseUrl(options.baseURL ?? (process.env["QWEN_CODE_API_BASE"] || portal), { segment: "v1" });
  const kind = qwenAccount({ ...options, provider: name, risk, address });
  const holder = accountHolder(kind, accountOptions(options));
  const getsDummy = (model: string): boolean => injectDummyTool ?? /^(?:coder-model$|qwen3-coder-)/.test(model);

  const stated = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const plugin = openaiCompatibleAccounts(
    {
      completions: false,
      usualModels: models,
      keep: taken,
      rename: { max_completion_tokens: "max_tokens" },
      tidyTools: true,
      developerRole: false,
      allowedTools: false,
      failures,
      adapt(body: Body, { model }: Attempt<ApiKey>) {
        const hasTools = Array.isArray(body.json["tools"]);
        const system = oneSystemMessage ? withOneSystem(body, { isPlain: /^glm/i.test(model) && !hasTools }) : body;
        if (hasTools) return withPlainTools(system);
        return getsDummy(model) ? withField(system, ["tools"], [dummyTool]) : system;
      },
      rewrite: ({ model }: Attempt<ApiKey>) =>
        chainRewriters([thinkRewriter(), finishRewriter(getsDummy(model) ? { swallow: dummyName } : {})]),
      ...(stated as Partial<OpenAICompatibleOptions>),
      name,
      baseURL: address,
      discover: options.discover ?? options.models === undefined,
      headers: { "x-dashscope-cachecontrol": "enable", ...options.headers },
    },
    {
      holder,
      ended: discontinued,
      // How the account was signed in to.
      sign({ headers }, { credential }): HeaderRecord {
        const way = headers["x-dashscope-authtype"] ?? "qwen-oauth";
        return "key" in credential.data ? {} : { "x-dashscope-authtype": way };
      },
      keyOf(fields) {
        const own = addressIn(fields, allowedHosts);
        return { key: textIn(fields, "access_token") ?? "", ...(own !== undefined && { baseURL: own }) };
      },
    },
  );
  return plugin as Plugin as ReturnType<typeof qwenCode<Name, Model>>;
}
