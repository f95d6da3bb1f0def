/**
 * What the first-party plugins take, for people who write JSON or YAML. The compiler compares every table with the type
 * of the plugin's options; functions and patterns are left out, because no data file can hold them.
 */
import type { KeyInput, Limits } from "waygate";
import type { ConcurrencyOptions, ConcurrencyRule } from "waygate/plugins/concurrency";
import type { CooldownOptions } from "waygate/plugins/cooldown";
import type { EmbedBatchOptions } from "waygate/plugins/embed-batch";
import type { G4fOptions } from "waygate/plugins/g4f";
import type { HealthCheckOptions } from "waygate/plugins/health-check";
import type { ModelFilterRule } from "waygate/plugins/model-filter";
import type { OpenAICompatibleOptions } from "waygate/plugins/openai-compatible";
import type { ProxyKeyInput, ProxyKeyOptions } from "waygate/plugins/proxy-key";
import type { ResilienceOptions } from "waygate/plugins/resilience";
import type { RotateOptions } from "waygate/plugins/rotate";
import type { TiersOptions } from "waygate/plugins/tiers";
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
    enum: ["balanced", "sequential", "round-robin", "least-used", "weighted", "random", "usage-gap"],
    default: "balanced",
  }),
  tolerance: about("For balanced: 0 always takes the least used.", { ...number, default: 3 }),
  gap: about("For usage-gap: percent of the highest count that the lowest may be behind.", { ...number, default: 5 }),
} satisfies Options<RotateOptions>);

const cooldown = object({
  effects: about("Replaces rows of the table of failures.", { type: "object" }),
  most: about("Milliseconds up to which a time the upstream names is believed. Default 7 days.", number),
  models: about("How many models of a key must rest long before the key rests. 0 = never.", { ...number, default: 3 }),
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
} satisfies Options<ConcurrencyOptions>);

/** The arguments of each plugin's function, by the plugin's folder. All other folders hold providers. */
export const pluginArguments: { readonly [folder: string]: readonly JsonSchema[] } = {
  // What it takes first is an object of another package, which no data file can hold.
  "ai-sdk": [],
  concurrency: [concurrency],
  cooldown: [cooldown],
  echo: [],
  "embed-batch": [
    object({
      size: about("Inputs in one call at most.", { ...number, default: 64 }),
      wait: about("Milliseconds the first of a batch waits for others.", { ...number, default: 100 }),
    } satisfies Options<EmbedBatchOptions>),
  ],
  g4f: [
    object({
      ...g4f,
      baseURL: about("The address of a g4f server, or the base URL of each of the five.", {
        anyOf: [text, object(endpoint)],
      }),
    } satisfies Options<Omit<G4fOptions, "failures">>),
  ],
  "health-check": [
    object({
      every: about("Milliseconds between two rounds. Default 6 h.", number),
      jitter: about("Share of every by which a round may be earlier or later.", { ...number, default: 0.25 }),
    } satisfies Options<HealthCheckOptions>),
  ],
  "model-filter": [
    map(
      object({
        allow: about("Globs that are always let through.", textOrTexts),
        ignore: about("Globs that are left out unless allow has them.", textOrTexts),
      } satisfies Options<ModelFilterRule>),
    ),
  ],
  "openai-compatible": [object(compatible, ["name"])],
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
  resilience: [object({ rotate, cooldown, concurrency } satisfies Options<ResilienceOptions>)],
  rotate: [rotate],
  tiers: [
    about("Providers, best tier first.", { type: "array", items: texts }),
    object({
      pin: about("A model asked for by its provider's name stays with that provider.", { ...flag, default: false }),
      names: about("What the tiers are called in explanations, best first.", texts),
    } satisfies Options<TiersOptions>),
  ],
};

/** What a provider takes that is not in the table above. */
export const providerOptions: JsonSchema = object(provider);
