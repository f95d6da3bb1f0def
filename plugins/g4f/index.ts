/** Five endpoints of gpt4free: free, without a promise. They change hosts and disappear; what fails rests briefly. */
import { type ApiKey, ConfigError, definePlugin, type Plugin, type Provider } from "waygate";
import { type FailureRule, openaiCompatible, type ProviderOptions } from "waygate/plugins/openai-compatible";

const endpoints = {
  main: "https://g4f.dev/v1",
  groq: "https://g4f.dev/api/groq",
  grok: "https://g4f.dev/api/grok",
  gemini: "https://g4f.dev/api/gemini",
  nvidia: "https://g4f.dev/api/nvidia",
} as const;
type Endpoint = keyof typeof endpoints;

const SECOND = 1000;

const failures: readonly FailureRule[] = [
  // A page of the host or of Cloudflare in front of it, also with status 200.
  {
    body: /^\s*<(?:!doctype|html)|just a moment\.\.\.|attention required! \| cloudflare/i,
    kind: "overloaded",
    wait: 60 * SECOND,
  },
  { text: /missing ?auth|api key is required/i, kind: "credential_invalid" },
  // What it says about quotas is about the services behind it.
  { status: [402, 429, 500], text: /quota|exhausted/i, kind: "rate_limited", wait: 30 * SECOND },
  { status: [429, 504], kind: "rate_limited", wait: 60 * SECOND },
  { status: [500], text: /RateLimit|\b429\b|too many requests/i, kind: "rate_limited", wait: 60 * SECOND },
  { status: [404], kind: "model_unavailable" },
];

const isOtherThanText = /image|audio|video|tts|whisper|embedding|flux/i;

export interface G4fOptions<Model extends string = string> extends Omit<
  ProviderOptions<string, Model>,
  "name" | "baseURL"
> {
  /** The address of a g4f server, which serves all five, or the base URL of each. */
  readonly baseURL?: string | { readonly [Name in Endpoint]?: string };
}

type G4fProvider<Name extends Endpoint, Model extends string> = Provider<`g4f_${Name}`, NoInfer<Model>, ApiKey>;

/**
 * `g4f_main g4f_groq g4f_grok g4f_gemini g4f_nvidia`. Keys from `G4F_API_KEY` for all, none needed; addresses from
 * `G4F_MAIN_API_BASE` and so on; tiers from `PROVIDER_PRIORITY_G4F_MAIN` and so on,
 * else from `PROVIDER_PRIORITY_G4F` for all, else 2. Throws a `ConfigError` for a tier
 * that is no number from 1 to 10.
 */
export function g4f<const Model extends string = never>(
  options: G4fOptions<Model> = {},
): Plugin<
  readonly [
    G4fProvider<"main", Model>,
    G4fProvider<"groq", Model>,
    G4fProvider<"grok", Model>,
    G4fProvider<"gemini", Model>,
    G4fProvider<"nvidia", Model>,
  ]
> {
  const { baseURL, tier, ...rest } = options;
  const make = <const Name extends Endpoint>(name: Name): Plugin<readonly [G4fProvider<Name, Model>]> =>
    openaiCompatible<`g4f_${Name}`, Model>({
      keyless: true,
      completions: false,
      failures,
      modelsURL: (base) => [`${base}/models`, ...(base.endsWith("/v1") ? [`${base.slice(0, -3)}/models`] : [])],
      listsModel: (model) => !isOtherThanText.test(model),
      keyVariables: ["G4F_API_KEY"],
      ...rest,
      name: `g4f_${name}`,
      baseURL: typeof baseURL === "string" ? addressAt(baseURL, name) : baseURL?.[name],
      defaultBaseURL: endpoints[name],
      tier: tier ?? tierOf(name, process.env),
    });
  const plugins = [make("main"), make("groq"), make("grok"), make("gemini"), make("nvidia")] as const;
  const [main, groq, grok, gemini, nvidia] = plugins;
  return definePlugin({
    name: "g4f",
    providers: [main.providers![0], groq.providers![0], grok.providers![0], gemini.providers![0], nvidia.providers![0]],
    setup(app) {
      for (const plugin of plugins) void plugin.setup?.(app);
    },
    close(app) {
      for (const plugin of plugins) void plugin.close?.(app);
    },
  });
}

/** A g4f server has its own models at `/v1` and the others at `/api/NAME`. */
function addressAt(server: string, name: Endpoint): string {
  const root = server.replace(/\/+$/, "").replace(/\/v1$/, "");
  return name === "main" ? `${root}/v1` : `${root}/api/${name}`;
}

function tierOf(endpoint: Endpoint, env: NodeJS.ProcessEnv): number {
  const own = `PROVIDER_PRIORITY_G4F_${endpoint.toUpperCase()}`;
  const variable = env[own]?.trim() ? own : "PROVIDER_PRIORITY_G4F";
  const text = env[variable]?.trim() ?? "";
  const tier = Number(text || 2);
  if (Number.isInteger(tier) && tier >= 1 && tier <= 10) return tier;
  throw new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "g4f"],
      what: `${variable} is "${text}"`,
      why: "a tier is a whole number from 1 (best) to 10",
      fix: "set a number from 1 to 10, or remove it",
    },
  ]);
}
