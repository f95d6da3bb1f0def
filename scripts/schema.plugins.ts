/**
 * What the first-party plugins take, for people who write JSON or YAML. The compiler compares every table with the type
 * of the plugin's options; functions and patterns are left out, because no data file can hold them.
 */
import type { DailyReset, KeyInput, Limits } from "waygate";
import type { CacheOptions } from "waygate/plugins/cache";
import type { ClientFilterOptions } from "waygate/plugins/client-filter";
import type { ConcurrencyOptions, ConcurrencyRule, SharedPlacesOptions } from "waygate/plugins/concurrency";
import type { BreakerOptions, CooldownOptions } from "waygate/plugins/cooldown";
import type { ContinuationOptions } from "waygate/plugins/continuation";
import type { EmbedBatchOptions } from "waygate/plugins/embed-batch";
import type { G4fOptions } from "waygate/plugins/g4f";
import type { GroqOptions } from "waygate/plugins/groq";
import type { HedgeOptions } from "waygate/plugins/hedge";
import type { HealthCheckOptions, HealthCheckRule } from "waygate/plugins/health-check";
import type { EmptyAnswerOptions } from "waygate/plugins/empty-answer";
import type { Cap, Caps, FairCycleOptions, LimitRule, LimitsOptions } from "waygate/plugins/limits";
import type { ModelFilterRule } from "waygate/plugins/model-filter";
import type { OpenAICompatibleOptions } from "waygate/plugins/openai-compatible";
import type { OverrideRule, Overrides } from "waygate/plugins/overrides";
import type { PenaltyOptions, PromptFilterOptions } from "waygate/plugins/prompt-filter";
import type { PostgresOptions } from "waygate/plugins/postgres";
import type { ProxyKeyInput, ProxyKeyOptions } from "waygate/plugins/proxy-key";
import type { QueueOptions } from "waygate/plugins/queue";
import type { RedisOptions } from "waygate/plugins/redis";
import type { RequestLogOptions } from "waygate/plugins/request-log";
import type { RequestCapRule } from "waygate/plugins/request-caps";
import type { ResilienceOptions } from "waygate/plugins/resilience";
import type { RotateOptions, RotateRule } from "waygate/plugins/rotate";
import type { StickyOptions } from "waygate/plugins/sticky";
import type { TemperatureZeroOptions } from "waygate/plugins/temperature-zero";
import type { TiersOptions } from "waygate/plugins/tiers";
import type { PriceOverride, RetentionOptions, UsageOptions } from "waygate/plugins/usage";
import type { PersonLimits, QuotaInput, UserDefaults, UsersOptions } from "waygate/plugins/users";
import type { WholeAnswerOptions } from "waygate/plugins/whole-answer";
import type { JsonSchema } from "../src/config/json-schema.ts";
import { rules } from "../src/config/rules.ts";
import { schemaOf } from "./schema.rules.ts";

/** A schema for every option that is data. */
type Options<T> = {
  readonly [K in keyof T as NonNullable<T[K]> extends (...args: never[]) => unknown ? never : K]-?: JsonSchema;
};

const text: JsonSchema = { type: "string" };
const flag: JsonSchema = { type: "boolean" };
const number: JsonSchema = { type: "number", minimum: 0 };
const texts: JsonSchema = { type: "array", items: text };
const textOrTexts: JsonSchema = { anyOf: [text, texts] };

const about = (description: string, schema: JsonSchema): JsonSchema => ({ description, ...schema });
const object = (properties: { readonly [key: string]: JsonSchema }, required?: readonly string[]): JsonSchema => ({
  type: "object",
  properties,
  ...(required && { required }),
  additionalProperties: false,
});
const map = (schema: JsonSchema): JsonSchema => ({ type: "object", additionalProperties: schema });

const limits = object({ rpm: number, rpd: number, tpm: number, tpd: number } satisfies Options<Limits>);

const key = object(
  {
    value: about("The key.", text),
    label: about("A name for people.", text),
    priority: about("1 is best.", { type: "integer", minimum: 1 }),
    weight: about("Share of the requests relative to the other keys. Default 1.", number),
    concurrency: about("Requests in flight at most.", number),
    limits,
    organization: text,
    project: text,
    proxy: about("URL of an outbound HTTP proxy for this key.", text),
  } satisfies Options<Exclude<KeyInput, string>>,
  ["value"],
);

const keys = about("Keys, or one text with commas. Default: those of the environment.", {
  anyOf: [text, { type: "array", items: { anyOf: [text, key] } }],
});

const compatible = {
  name: about("The part before the slash in a model's name.", text),
  baseURL: about("Default: <NAME>_API_BASE of the environment.", text),
  defaultBaseURL: about("The address when neither baseURL nor the environment has one.", text),
  protocol: about("What the upstream speaks.", {
    enum: ["openai-chat", "openai-responses", "anthropic", "gemini"],
    default: "openai-chat",
  }),
  keys,
  keyVariables: about("Variables that are looked at when those by the name hold no key.", texts),
  completions: about("False for servers of chat without the legacy /completions.", flag),
  keyless: about("Requests need no key.", flag),
  models: about("Known models; replaces discovery and limits nothing.", texts),
  discover: about("Ask the upstream for its models although models is given, or never.", flag),
  usualModels: about("Listed, where models states none, until the upstream has listed its own.", texts),
  tier: about("1 is best; see tiers.", number),
  headers: about("More headers for every request.", map(text)),
  passHeaders: about("Headers of the client that are sent on.", texts),
  concurrency: about("Requests in flight per key at most. Default: no limit.", number),
  limits: about("For keys that have none of their own.", limits),
  timeouts: about("Milliseconds; 0 = off.", schemaOf(rules["timeouts"]!)),
  proxy: about("URL of an outbound HTTP proxy, for keys that have none of their own.", text),
  streamUsage: about("False for upstreams that refuse stream_options.", flag),
  think: about("Answers hold reasoning in <think> blocks; it is moved to reasoning_content.", flag),
  drop: about("Request fields the upstream refuses.", texts),
  keep: about("The only top-level fields of a chat request the upstream takes.", texts),
  rename: about("New names of request fields.", map(text)),
  tidyTools: about("Takes out an empty list of tools and what speaks about tools without any.", flag),
  allowedTools: about("Whether the upstream knows the tool choice allowed_tools.", flag),
  developerRole: about("False for upstreams that do not know the role developer.", flag),
} satisfies Options<Omit<OpenAICompatibleOptions, "failures">>;

const { defaultBaseURL: _address, ...provider } = compatible;
const { name: _name, ...g4f } = provider;
const endpoint = { main: text, groq: text, grok: text, gemini: text, nvidia: text };

const rotate = object({
  mode: about("How a key is chosen.", {
    enum: ["balanced", "sequential", "round-robin", "least-used", "weighted", "random", "usage-gap", "latency", "cost"],
    default: "balanced",
  }),
  tolerance: about("For balanced: 0 always takes the least used.", { ...number, default: 3 }),
  gap: about("For usage-gap: percent of the highest count that the lowest may be behind.", { ...number, default: 5 }),
  providers: about(
    "What differs for a provider.",
    map(
      object({
        mode: {
          enum: ["balanced", "sequential", "round-robin", "least-used", "weighted", "random", "usage-gap"],
        },
        tolerance: number,
        gap: number,
      } satisfies Options<RotateRule>),
    ),
  ),
} satisfies Options<RotateOptions>);

const sticky = object({
  ttl: about("Milliseconds a conversation is remembered after its last request. Default 1 hour.", number),
  wait: about("Milliseconds to wait for a busy key of the conversation.", { ...number, default: 0 }),
  infer: about("Recognises conversations that no client names by how they began.", { ...flag, default: true }),
} satisfies Options<StickyOptions>);

const cache = object({
  ttl: about("Milliseconds an answer is kept. Default 10 minutes.", number),
  size: about("Bytes of all answers together. Default 64 MiB.", number),
  answer: about("Bytes of one answer; larger ones are not kept. Default 1 MiB.", number),
  all: about("Keeps every answer, not only those of requests with temperature 0 or a seed.", {
    ...flag,
    default: false,
  }),
  shared: about("Answers of one client are given to the others too.", { ...flag, default: false }),
  wait: about("Milliseconds a request waits for the same one that is under way. Default 30 s; 0 = never.", number),
} satisfies Options<CacheOptions>);

const cooldown = object({
  effects: about("Replaces rows of the table of failures.", { type: "object" }),
  most: about("Milliseconds up to which a time is believed. Default 7 days, of quotas 31.", number),
  tryEarly: about("False: rests of more than an hour that an upstream has named are not tried before.", flag),
  models: about("How many models of a key must rest long before the key rests. 0 = never.", { ...number, default: 3 }),
  breaker: about("When a provider pauses as a whole because its own failures pile up. false = never.", {
    anyOf: [
      { const: false },
      object({
        failures: about("Failures since the last success that pause it.", { ...number, default: 4 }),
        within: about("Milliseconds after which a failure counts no more.", { ...number, default: 60_000 }),
        pauses: about("Milliseconds of the first pause, the next and so on.", { type: "array", items: number }),
      } satisfies Options<BreakerOptions>),
    ],
  }),
} satisfies Options<CooldownOptions>);

const concurrencyRule = {
  perCredential: about("Requests in flight per key at most. 0 or less = no limit.", { type: "number" }),
  perModel: about("The same per key and model.", { type: "number" }),
  optimal: about("Keys with fewer requests in flight than this come before others.", number),
  multipliers: about("By key priority: how many times the limits such a key may take.", map(number)),
} satisfies Options<ConcurrencyRule>;
const concurrency = object({
  ...concurrencyRule,
  providers: about("What differs for a provider.", map(object(concurrencyRule))),
  shared: about("All workers that share a state keep the limits together.", {
    anyOf: [
      flag,
      object({
        ttl: about("Milliseconds after which the places of a worker that died are free.", {
          type: "number",
          minimum: 1000,
          default: 30_000,
        }),
      } satisfies Options<SharedPlacesOptions>),
    ],
    default: false,
  }),
} satisfies Options<ConcurrencyOptions>);

const caps = {
  rpm: about("Requests per minute.", number),
  rpd: about("Requests per day.", number),
  tpm: about("Tokens per minute.", number),
  tpd: about("Tokens per day.", number),
  caps: about("Limits over a time of any length.", {
    type: "array",
    items: object({ window: about("Milliseconds.", number), requests: number, tokens: number } satisfies Options<Cap>, [
      "window",
    ]),
  }),
} satisfies Options<Caps>;
const limitRule = object({
  ...caps,
  provider: about("A provider's name, which may hold *. Default: all.", text),
  models: about("Globs over model names or names of quota groups. Default: all.", textOrTexts),
  priority: about("Priorities of keys. Default: all.", {
    anyOf: [{ type: "integer" }, { type: "array", items: { type: "integer" } }],
  }),
  each: about("What has a count of its own.", { enum: ["key", "provider"], default: "key" }),
  perModel: about("Each model or quota group has a count of its own.", { ...flag, default: false }),
} satisfies Options<LimitRule>);
const fairCycle = object({
  requests: about("Requests of a key after which it has had its share.", number),
  rest: about("Milliseconds of a rest from which on a key counts as used up. Default 5 min.", number),
  wait: about("Milliseconds up to which a rest is waited for before a new cycle begins. Default 90 s.", number),
  length: about("Milliseconds after which a cycle ends in any case. Default 7 days.", number),
  together: about("Keys of all priorities are in one cycle.", { ...flag, default: false }),
  perKey: about("Cycles of the key as a whole, not of each model.", { ...flag, default: false }),
} satisfies Options<FairCycleOptions>);

const healthCheckRule = {
  every: about("Milliseconds between two rounds. Default 6 h.", number),
  jitter: about("Share of every by which a round may be earlier or later.", { ...number, default: 0.25 }),
  probe: about("What a key is asked for. Default: the list, unless it is about money.", {
    enum: ["list", "completion"],
  }),
  model: about("The model for a completion. Default: the first that the provider lists.", text),
} satisfies Options<HealthCheckRule>;

const emptyAnswer = object({
  retries: about("Empty answers of one request after which the next one is taken for what the model means.", {
    ...number,
    default: 1,
  }),
  models: about("Globs over the names clients ask for. Default: all.", texts),
} satisfies Options<EmptyAnswerOptions>);

const limitsOptions = object({
  keys: about("For each key that states no limits of its own.", object(caps)),
  rules: about("More limits; all that fit hold.", { type: "array", items: limitRule }),
  client: about("For each client.", object(caps)),
  clients: about("By globs over clients' ids, in place of client.", map(object(caps))),
  reset: about("When a day begins. Default 03:00 UTC.", object({ at: text, zone: text } satisfies Options<DailyReset>)),
  margin: about("The share of every limit that is used at most, above 0 and up to 1.", { ...number, default: 1 }),
  answer: about("Tokens an answer is taken for before it is known.", { ...number, default: 1024 }),
  fairCycle: about("Every key is used up once before any is used again.", { anyOf: [flag, fairCycle] }),
  upstream: about("What upstreams say is left raises our counts.", { ...flag, default: false }),
} satisfies Options<LimitsOptions>);

const requestCap = object({
  models: about("Globs over models, with and without their provider. Default: all.", textOrTexts),
  users: about("Globs over clients' ids and labels. Default: all.", textOrTexts),
  input: about("Tokens of a prompt at most; 0 = no limit.", number),
  output: about("Tokens of an answer at most; 0 = no limit.", number),
  over: about("What becomes of a request that asks for a longer answer.", {
    enum: ["clamp", "refuse"],
    default: "clamp",
  }),
  tools: about("Whether requests may bring tools.", { ...flag, default: true }),
  vision: about("Whether prompts may have pictures and other media in them.", { ...flag, default: true }),
} satisfies Options<RequestCapRule>);

const overrideOf = (value: JsonSchema): JsonSchema =>
  object({
    set: about("Whatever the request says.", map(value)),
    default: about("Where the request says nothing.", map(value)),
    remove: about("Taken out.", texts),
  } satisfies Options<Overrides<unknown>>);

const override = object({
  models: about("Globs over models, with and without their provider. Default: all.", textOrTexts),
  users: about("Globs over clients' ids and labels. Default: all.", textOrTexts),
  protocols: about("Protocols of upstreams. Default: all.", textOrTexts),
  headers: about("Headers of the request as it is sent.", overrideOf(text)),
  body: about("Fields in the upstream's words; dots lead inwards.", overrideOf({})),
} satisfies Options<OverrideRule>);

const oneOrMore = (schema: JsonSchema): JsonSchema => ({ anyOf: [schema, { type: "array", items: schema }] });

/** The arguments of each plugin's function, by the plugin's folder. All other folders hold providers. */
const prices: JsonSchema = about(
  "By provider/model, globs allowed: US dollars per million tokens. The first that fits counts.",
  map(
    object({ input: number, output: number, cacheRead: number, cacheWrite: number } satisfies Options<PriceOverride>, [
      "input",
      "output",
    ]),
  ),
);
const userDefaults: JsonSchema = object({
  quotas: {
    type: "array",
    items: object(
      {
        family: about("A glob over model names. Default *.", text),
        unit: { enum: ["tokens", "requests", "cost"] },
        period: about("hourly, daily, monthly, total, or a cron expression for when it begins anew.", text),
        amount: number,
      } satisfies Options<QuotaInput>,
      ["unit", "period", "amount"],
    ),
  },
  limits: object({
    rpm: number,
    rpd: number,
    tpm: number,
    tpd: number,
    concurrency: number,
  } satisfies Options<PersonLimits>),
  models: texts,
  maxIps: number,
  banOverIps: flag,
} satisfies Options<UserDefaults>);
/** Of accounts, whose folders may be deleted: what they add to a provider's options is not known here. */
const accounts: readonly JsonSchema[] = [{ type: "object", properties: provider }];

export const pluginArguments: { readonly [folder: string]: readonly JsonSchema[] } = {
  // What it takes first is an object of another package, which no data file can hold.
  "ai-sdk": [],
  antigravity: accounts,
  cache: [cache],
  "client-filter": [
    object({
      block: about("Addresses and ranges that may not call.", texts),
      allow: about("The only addresses and ranges that may call.", texts),
      adminAllow: about("In place of allow for the routes of administrators.", texts),
      blockOrigins: about("Texts in Origin or Referer by which a page or app is refused.", texts),
      redirect: about("Where a browser goes after it was refused by its origin.", text),
    } satisfies Options<ClientFilterOptions>),
  ],
  concurrency: [concurrency],
  continuation: [
    object(
      {
        models: about(
          "How models are told to go on with a text, by globs over provider/model.",
          map({ enum: ["turn", "prefix", "continue-final-message"] }),
        ),
        times: about("How often one answer may be gone on with.", { ...number, default: 2 }),
      } satisfies Options<ContinuationOptions>,
      ["models"],
    ),
  ],
  cooldown: [cooldown],
  echo: [],
  "empty-answer": [emptyAnswer],
  "embed-batch": [
    object({
      size: about("Inputs in one call at most.", { ...number, default: 64 }),
      wait: about("Milliseconds the first of a batch waits for others.", { ...number, default: 100 }),
    } satisfies Options<EmbedBatchOptions>),
  ],
  // Everything it could be told stands in the environment.
  "from-env": [],
  g4f: [
    object({
      ...g4f,
      baseURL: about("The address of a g4f server, or the base URL of each of the five.", {
        anyOf: [text, object(endpoint)],
      }),
    } satisfies Options<Omit<G4fOptions, "failures">>),
  ],
  groq: [
    object({
      ...provider,
      repairCalls: about("False: a call of a tool that Groq could not read is handed on as the 400 it is.", flag),
      historyTools: about("False: tools that only the history names are not added.", flag),
    } satisfies Options<Omit<GroqOptions, "failures" | "defaultBaseURL" | "usualModels">>),
  ],
  hedge: [
    object({
      percentile: about("Share of the recent times to the first content after which one is late.", {
        ...number,
        maximum: 1,
        default: 0.95,
      }),
      min: about("Milliseconds before which nobody is late.", { ...number, default: 1000 }),
      max: about("Milliseconds after which everybody is.", { ...number, default: 15_000 }),
      samples: about("How many times have to be known of a model.", { ...number, default: 20 }),
      share: about("Share of the requests that may have a second candidate.", { ...number, maximum: 1, default: 0.1 }),
      models: about("Globs over the names clients ask for. Default: all.", texts),
    } satisfies Options<HedgeOptions>),
  ],
  "gemini-cli": accounts,
  "health-check": [
    object({
      ...healthCheckRule,
      providers: about(
        "What differs for a provider; false = its keys are never asked about.",
        map({ anyOf: [{ const: false }, object(healthCheckRule)] }),
      ),
    } satisfies Options<HealthCheckOptions>),
  ],
  iflow: accounts,
  limits: [limitsOptions],
  "model-filter": [
    map(
      object({
        allow: about("Globs that are always let through.", textOrTexts),
        ignore: about("Globs that are left out unless allow has them.", textOrTexts),
      } satisfies Options<ModelFilterRule>),
    ),
  ],
  "openai-compatible": [object(compatible, ["name"])],
  overrides: [oneOrMore(override)],
  "prompt-filter": [
    object({
      phrases: about("Texts that may not occur in a prompt, whatever their case.", texts),
      patterns: about("Regular expressions in RE2's syntax, whatever the case.", texts),
      message: about("What the client is told.", text),
      delay: about("How late refusals are. false = at once.", {
        anyOf: [
          { const: false },
          object({
            first: about("Milliseconds before the first; each further one takes twice as long. Default 1 s.", number),
            most: about("Milliseconds at most. Default 60 s.", number),
            halfLife: about("Milliseconds after which half of them are forgotten. Default 30 s.", number),
          } satisfies Options<PenaltyOptions>),
        ],
      }),
    } satisfies Options<PromptFilterOptions>),
  ],
  "proxy-key": [
    object({
      keys: about("What clients send. Default: PROXY_API_KEY.", {
        anyOf: [
          text,
          {
            type: "array",
            items: {
              anyOf: [
                text,
                object(
                  {
                    key: text,
                    label: about("A name for logs and usage.", text),
                    admin: about("Sees key labels and every reason in errors.", flag),
                    models: about("Globs over model names. Default: all.", texts),
                  } satisfies Options<Exclude<ProxyKeyInput, string>>,
                  ["key"],
                ),
              ],
            },
          },
        ],
      }),
    } satisfies Options<ProxyKeyOptions>),
  ],
  "quota-groups": [map(map(texts))],
  postgres: [
    object({
      url: about("postgres://user:password@host:5432/database. Default: DATABASE_URL.", text),
      schema: about('The schema its tables are in. Default "waygate".', text),
    } satisfies Options<PostgresOptions>),
  ],
  "qwen-code": accounts,
  queue: [
    object({
      families: about("Globs over model names, by the name of the family; others are a family each.", map(texts)),
      models: about("Globs over the names of models that are waited for. Default: all.", texts),
      perUser: about("Requests of one user or address that may wait for a family.", { ...number, default: 1 }),
      shared: about("Globs over clients' ids and addresses behind which several people stand.", texts),
      byAddress: about("Callers with the same proxy key are told apart by their address.", { ...flag, default: false }),
      size: about("Requests that may wait for one family.", { ...number, default: 200 }),
      wait: about("Milliseconds a request waits at most.", { ...number, default: 300_000 }),
      rests: about("Keys that rest are waited for too.", { ...flag, default: true }),
      heartbeat: about("Milliseconds between two signs of life.", { ...number, default: 5000 }),
    } satisfies Options<QueueOptions>),
  ],
  redis: [
    object({
      url: about("redis://user:password@host:6379/0, rediss:// for TLS. Default: REDIS_URL.", text),
      prefix: about('What all keys begin with. Default "waygate".', text),
      wait: about("Milliseconds that a request waits for an answer of Redis. Default 100.", number),
      rests: about("What rests on one worker rests on all.", { ...flag, default: true }),
    } satisfies Options<RedisOptions>),
  ],
  "request-caps": [oneOrMore(requestCap)],
  "request-log": [
    object({
      folder: about("Default: logs/transactions in the data folder.", text),
      models: about("Globs over the names clients ask for. Default: all.", texts),
      users: about("Globs over clients' ids. Default: all.", texts),
      provider: about("What goes to and comes from providers is written too.", { ...flag, default: true }),
      size: about("Bytes of one request at most. Default 4 MiB.", number),
      total: about("Bytes of all requests at most. Default 1 GiB.", number),
      days: about("Days that are kept.", { ...number, default: 7 }),
    } satisfies Options<RequestLogOptions>),
  ],
  resilience: [
    object({
      rotate,
      cooldown,
      concurrency,
      limits: about("More than what keys and providers state by themselves, which holds in any case.", limitsOptions),
      emptyAnswer: about("False: an answer that says nothing is given as it is.", {
        anyOf: [{ const: false }, emptyAnswer],
      }),
      sticky: about("False: conversations may change their key.", { anyOf: [{ const: false }, sticky] }),
    } satisfies Options<ResilienceOptions>),
  ],
  rotate: [rotate],
  sticky: [sticky],
  "temperature-zero": [
    object(
      {
        mode: about("Takes a temperature of 0 away, or makes it 1.", { enum: ["remove", "set"] }),
      } satisfies Options<TemperatureZeroOptions>,
      ["mode"],
    ),
  ],
  tiers: [
    about("Providers, best tier first.", { type: "array", items: texts }),
    object({
      pin: about("A model asked for by its provider's name stays with that provider.", { ...flag, default: false }),
      wait: about("Milliseconds to wait for a key of the best tier before a worse one is asked.", {
        ...number,
        default: 0,
      }),
      names: about("What the tiers are called in explanations, best first.", texts),
    } satisfies Options<TiersOptions>),
  ],
  usage: [
    object({
      prices: prices,
      keep: about(
        "How long and how much is kept.",
        object({
          days: about("Days that single requests are kept.", { ...number, default: 90 }),
          rows: about("Single requests kept at most.", { ...number, default: 5_000_000 }),
          summaryDays: about("Days that sums are kept.", { ...number, default: 730 }),
        } satisfies Options<RetentionOptions>),
      ),
      addresses: about("Whether addresses are kept, as HMACs.", { ...flag, default: true }),
    } satisfies Options<UsageOptions>),
  ],
  users: [
    object({
      defaults: about(
        "What new users have, by kind.",
        object({ normal: userDefaults, special: userDefaults, temporary: userDefaults }),
      ),
      reset: about(
        "When a day and a month begin. Default 03:00 UTC.",
        object({ at: text, zone: text } satisfies Options<DailyReset>),
      ),
      temporary: object({
        lifetime: about("Milliseconds that a new temporary user lasts. Default 24 h.", number),
        keep: about("Milliseconds behind its end after which it is removed. Default 48 h.", number),
      }),
      tries: about(
        "Unknown tokens that one address may send.",
        object({ most: { ...number, default: 20 }, window: about("Milliseconds.", { ...number, default: 600_000 }) }),
      ),
      answer: about("Tokens an answer is taken for before it is known.", { ...number, default: 1024 }),
      follow: about("Milliseconds between two looks at what other workers have edited.", { ...number, default: 2000 }),
      prices: prices,
    } satisfies Options<UsersOptions>),
  ],
  "whole-answer": [
    object({
      models: about("Globs over the names clients ask for. Default: all.", texts),
      limit: about("Bytes of one answer that are held at most. Default 16 MiB.", number),
    } satisfies Options<WholeAnswerOptions>),
  ],
};

/** What a provider takes that is not in the table above. */
export const providerOptions: JsonSchema = object(provider);
