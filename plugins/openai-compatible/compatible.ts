/** Makes the plugin of an upstream from what is said about it. */
import {
  type ApiKey,
  type Attempt,
  baseUrl,
  type Body,
  ConfigError,
  definePlugin,
  defineProvider,
  environmentPrefix,
  type HeaderRecord,
  type Plugin,
  type Provider,
  version,
  type Wire,
} from "waygate";
import { dialects } from "./dialects.ts";
import { discoverModels } from "./discover.ts";
import { classifyBy } from "./failures.ts";
import { applyRules, dropFields, type FieldRules } from "./fields.ts";
import { keyHolder } from "./keys.ts";
import type { OpenAICompatibleOptions } from "./options.ts";
import { thinkRewriter } from "./think.ts";

/** OpenAI's own API refuses the reasoning of others (decision 8). */
const foreignReasoning = ["messages.*.reasoning_content", "messages.*.reasoning"];

/** Throws a `ConfigError` for a name, an address or a key that cannot be one. */
export function openaiCompatible<const Name extends string, const Model extends string = string>(
  options: OpenAICompatibleOptions<Name, Model>,
): Plugin<readonly [Provider<Name, Model, ApiKey>]> {
  const { name, models = [], protocol = "openai-chat", discover = options.models === undefined } = options;
  const base = addressOf(options);
  const dialect = dialects[protocol];
  const isChat = protocol === "openai-chat";
  const drop = options.drop ?? (name === "openai" && isChat ? foreignReasoning : []);
  const { keep, rename, tidyTools, developerRole } = options;
  const rules: FieldRules = { drop: drop.length > 0 ? drop : undefined, keep, rename, tidyTools, developerRole };
  const readFailure = classifyBy(options.failures ?? []);
  const rewrite = options.rewrite ?? (options.think && isChat ? thinkRewriter : undefined);
  const fixed = lowerCaseNames({ "user-agent": `waygate/${version}`, ...options.headers });

  // They depend on the key alone, and the same keys serve every request.
  const made = new WeakMap<ApiKey, HeaderRecord>();
  const headersOf = (data: ApiKey): HeaderRecord => {
    let headers = made.get(data);
    if (!headers) made.set(data, (headers = signed(data)));
    return headers;
  };
  const signed = ({ key, organization, project }: ApiKey): HeaderRecord => ({
    ...(key === "" ? {} : dialect.authorize(key)),
    ...(organization === undefined ? {} : { "openai-organization": organization }),
    ...(project === undefined ? {} : { "openai-project": project }),
    ...fixed,
  });
  const isIdle = isChat && Object.values(rules).every((rule) => rule === undefined) && !options.adapt;
  const shape = (body: Body, wire: Wire, attempt: Attempt<ApiKey>): Body => {
    if (isIdle) return body;
    if (!isChat || wire.url !== "/chat/completions") return dropFields(body, drop);
    const shaped = applyRules(body, rules);
    return options.adapt?.(shaped, attempt) ?? shaped;
  };

  const provider = defineProvider<Name, Model, ApiKey>({
    name,
    protocol,
    models: options.models ?? options.usualModels ?? [],
    keyless: options.keyless,
    tier: options.tier,
    concurrency: options.concurrency,
    timeouts: options.timeouts,
    streamUsage: options.streamUsage,
    classify: (signal) => options.classify?.(signal) ?? readFailure(signal),
    ...(rewrite && { rewrite }),
    prepare(wire, attempt) {
      const { credential, ctx } = attempt;
      const { proxy = options.proxy ?? wire.proxy } = credential.data;
      const headers: { [name: string]: string } = { ...wire.headers };
      if (wire.body !== undefined) headers["content-type"] = "application/json";
      headers["accept"] = ctx.stream ? "text/event-stream" : "application/json";
      Object.assign(headers, headersOf(credential.data));
      if (options.passHeaders) Object.assign(headers, clientHeaders(ctx.req.headers, options.passHeaders));
      return {
        url: base + wire.url,
        method: wire.method,
        headers,
        body: wire.body && shape(wire.body, wire, attempt),
        proxy,
      };
    },
    ...(discover && {
      discover: async ({ data }, signal) => {
        const urls = options.modelsURL?.(base) ?? `${base}/models`;
        const found = await discoverModels(urls, {
          headers: headersOf(data),
          signal,
          proxy: data.proxy ?? options.proxy,
        });
        return [...new Set([...models, ...found.filter((model) => options.listsModel?.(model) ?? true)])];
      },
    }),
  });

  return definePlugin({ name, providers: [provider], ...keyHolder(options) });
}

function addressOf({ name, baseURL, defaultBaseURL, protocol = "openai-chat" }: OpenAICompatibleOptions): string {
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
  return baseUrl(url, { segment: dialects[protocol].segment, place });
}

function lowerCaseNames(headers: { readonly [name: string]: string }): HeaderRecord {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function clientHeaders(headers: Headers, names: readonly string[] = []): HeaderRecord {
  const found = names.map((name) => [name, headers.get(name)] as const);
  return Object.fromEntries(found.filter((entry): entry is [string, string] => entry[1] !== null));
}
