/** Makes the plugin of an upstream from what is said about it. */
import {
  type ApiKey,
  type Attempt,
  baseUrl,
  type Body,
  ConfigError,
  type Context,
  definePlugin,
  defineProvider,
  environmentPrefix,
  type HeaderRecord,
  type Plugin,
  type Provider,
  type Wire,
} from "waygate";
import type { AccountAccess } from "./account-access.ts";
import { withCompletions } from "./completions.ts";
import { type Dialect, dialectOf, dialects } from "./dialects.ts";
import { discoverModels } from "./discover.ts";
import { classifyBy } from "./failures.ts";
import { applyRules, dropFields, type FieldRules } from "./fields.ts";
import { keyHolder } from "./keys.ts";
import type { OpenAICompatibleOptions } from "./options.ts";
import { createSigner } from "./sign.ts";
import { thinkRewriter } from "./think.ts";

/** OpenAI's own API refuses the reasoning of others (decision 8). */
const foreignReasoning = ["messages.*.reasoning_content", "messages.*.reasoning"];

/** Throws a `ConfigError` for a name, an address or a key that cannot be one. */
export function openaiCompatible<const Name extends string, const Model extends string = string>(
  options: OpenAICompatibleOptions<Name, Model>,
): Plugin<readonly [Provider<Name, Model, ApiKey>]> {
  return compatibleWith(options);
}

/** `accounts` finds the keys of credentials that are none themselves. */
export function compatibleWith<const Name extends string, const Model extends string = string>(
  options: OpenAICompatibleOptions<Name, Model>,
  accounts?: AccountAccess,
): Plugin<readonly [Provider<Name, Model, ApiKey>]> {
  const { name, models = [], protocol = "openai-chat", discover = options.models === undefined } = options;
  const base = addressOf(options);
  const usual = usualDialect(options);
  const isChat = protocol === "openai-chat";
  const drop = options.drop ?? (name === "openai" && isChat ? foreignReasoning : []);
  const { keep, rename, tidyTools, developerRole, allowedTools } = options;
  const stated = { keep, rename, tidyTools, developerRole, allowedTools };
  const rules: FieldRules = { drop: drop.length > 0 ? drop : undefined, ...stated };
  // Other protocols have a way to name some of the tools, and of the servers of chat few do.
  const translatedRules: FieldRules = { ...rules, allowedTools: allowedTools ?? false };
  const hasRules = options.adapt !== undefined || Object.values(rules).some((rule) => rule !== undefined);
  // Only a provider that speaks one protocol says by it whose service it is.
  const dialectFailures = typeof protocol === "string" ? dialectOf(protocol).failures : undefined;
  const readFailure = classifyBy([...(options.failures ?? []), ...(dialectFailures ?? [])]);
  const rewrite = options.rewrite ?? (options.think && isChat ? thinkRewriter : undefined);
  const signer = createSigner(options.headers);

  const spokenIn = (attempt: Attempt<ApiKey>): string =>
    typeof protocol === "string" ? protocol : attempt.protocol.id;
  const shape = (body: Body, wire: Wire, attempt: Attempt<ApiKey>): Body => {
    // What only passes through is not this upstream's to change.
    const { operation, protocol: client } = attempt.ctx;
    const isOwn = client.id === attempt.protocol.id;
    if ((!hasRules && isOwn) || operation === "forward") return body;
    if (spokenIn(attempt) !== "openai-chat") return typeof protocol === "string" ? dropFields(body, drop) : body;
    if (wire.url !== "/chat/completions") return dropFields(body, drop);
    const shaped = applyRules(body, isOwn ? rules : translatedRules);
    return options.adapt?.(shaped, attempt) ?? shaped;
  };
  const made = (wire: Wire, attempt: Attempt<ApiKey>, key: ApiKey): Wire => {
    const { ctx } = attempt;
    const { proxy = options.proxy ?? wire.proxy } = key;
    const headers = signer.all(spokenIn(attempt), key, {
      ...wire.headers,
      ...(wire.body !== undefined && { "content-type": "application/json" }),
      accept: acceptOf(ctx),
    });
    if (options.passHeaders) Object.assign(headers, clientHeaders(ctx.req.headers, options.passHeaders));
    return {
      url: (key.baseURL ?? base) + wire.url,
      method: wire.method,
      headers,
      body: wire.body && shape(wire.body, wire, attempt),
      ...(wire.stream && { stream: wire.stream }),
      proxy,
    };
  };

  const provider = defineProvider<Name, Model, ApiKey>({
    name,
    protocol: withCompletions(options),
    models: options.models ?? options.usualModels ?? [],
    keyless: options.keyless,
    tier: options.tier,
    concurrency: options.concurrency,
    timeouts: options.timeouts,
    streamUsage: options.streamUsage,
    classify: (signal) => options.classify?.(signal) ?? readFailure(signal),
    ...(rewrite && { rewrite }),
    prepare(wire, attempt) {
      const key = accounts?.keyFor(attempt) ?? attempt.credential.data;
      return key instanceof Promise ? key.then((each) => made(wire, attempt, each)) : made(wire, attempt, key);
    },
    ...(discover && {
      discover: async (credential, signal) => {
        const data = (await accounts?.lastingKey(credential, signal)) ?? credential.data;
        const address = data.baseURL ?? base;
        const urls = options.modelsURL?.(address) ?? `${address}/models${dialectOf(usual).page ?? ""}`;
        const found = await discoverModels(urls, {
          headers: signer.own(usual, data),
          signal,
          proxy: data.proxy ?? options.proxy,
        });
        return [...new Set([...models, ...found.filter((model) => options.listsModel?.(model) ?? true)])];
      },
    }),
  });

  return definePlugin({ name, providers: [provider], ...keyHolder(options) });
}

/** Pictures and sounds come as whatever the request's own fields ask for. */
function acceptOf({ operation, stream }: Context): string {
  if (operation === "forward") return "*/*";
  return stream ? "text/event-stream" : "application/json";
}

/** What is spoken where no request says more. */
function usualDialect({ protocol = "openai-chat" }: OpenAICompatibleOptions): Dialect {
  return typeof protocol === "function" ? protocol("", "openai-chat") : protocol;
}

function addressOf(options: OpenAICompatibleOptions): string {
  const { name, baseURL, defaultBaseURL } = options;
  const protocol = usualDialect(options);
  const bad = (what: string, why: string, fix: string): ConfigError =>
    new ConfigError([{ code: "config_invalid", path: ["plugins", "openaiCompatible"], what, why, fix, needle: name }]);
  if (!/^[a-z0-9][\w-]*$/i.test(name)) {
    throw bad(
      `"${name}" cannot be a provider's name`,
      "it stands before the slash in model names",
      "use letters, digits, - and _",
    );
  }
  if (!Object.hasOwn(dialects, protocol)) {
    const known = Object.keys(dialects).join(", ");
    throw bad(`${name}: there is no protocol "${protocol}"`, `the protocols are ${known}`, "name one of them");
  }
  const variable = `${environmentPrefix(name)}_API_BASE`;
  const url = baseURL ?? (process.env[variable] || defaultBaseURL);
  if (!url) throw bad(`${name} has no address`, `neither baseURL nor ${variable} is set`, `set baseURL or ${variable}`);
  const place = baseURL === undefined ? variable : `baseURL of ${name}`;
  return baseUrl(url, { segment: dialectOf(protocol).segment, place });
}

function clientHeaders(headers: Headers, names: readonly string[] = []): HeaderRecord {
  const found = names.map((name) => [name, headers.get(name)] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== null));
}
