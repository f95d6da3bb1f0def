/** The plugin around a model or a provider of the AI SDK. */
import {
  anonymousCredential,
  type ApiKey,
  type Attempt,
  ConfigError,
  defineCredential,
  definePlugin,
  defineProvider,
  type Limits,
  type Plugin,
  type Provider,
  ProxyError,
  type Timeouts,
} from "waygate";
import { generate } from "./call.ts";
import { embed } from "./embed.ts";
import { failureOf } from "./failures.ts";
import {
  type AiSdkModel,
  type AiSdkProvider,
  isModel,
  isProvider,
  namespaceOf,
  type ProviderOptions,
} from "./model.ts";
import { embeddingModel, languageModel, specified } from "./spec.ts";

export interface AiSdkOptions<Name extends string = string, Model extends string = string> {
  /** The part before the slash in a model's name. Default: what the model's package calls itself, as in `openai`. */
  readonly name?: Name;
  /** Models to list; limits nothing. Default: the one model, or none of a provider. */
  readonly models?: readonly Model[];
  /** 1 is best; see `tiers()`. */
  readonly tier?: number;
  /** Requests in flight at most. Default: no limit. */
  readonly concurrency?: number;
  readonly limits?: Limits;
  /** Milliseconds; 0 = off. */
  readonly timeouts?: Partial<Timeouts>;
  /** More headers for every request. */
  readonly headers?: { readonly [name: string]: string };
  /** The package's own options for every request: `{ openai: { store: false } }`. They win over what requests say. */
  readonly providerOptions?: ProviderOptions;
}

/** Throws a `ConfigError` for what is neither a model nor a provider, and for a name that cannot be one. */
export function pluginOf<Name extends string, Model extends string>(
  source: AiSdkModel | AiSdkProvider,
  options: AiSdkOptions<Name, Model>,
): Plugin<readonly [Provider<Name, Model, ApiKey>]> {
  const { headers = {}, providerOptions = {} } = options;
  const only = isModel(source) ? source : undefined;
  if (!only && !isProvider(source)) throw noSource();
  const name = nameFor(source, options) as Name;

  const provider = defineProvider<Name, Model, ApiKey>({
    name,
    // Requests come as the client wrote them and are answered in its protocol: the AI SDK has a form of its own.
    protocol: (_model, client) => client,
    models: options.models ?? (only ? [only.modelId as Model] : []),
    keyless: true,
    tier: options.tier,
    concurrency: options.concurrency,
    timeouts: options.timeouts,
    prepare: (wire) => wire,
    async call(wire, attempt) {
      switch (attempt.ctx.operation) {
        case "generate": {
          const model = made(attempt, () => only ?? languageModel(source as AiSdkProvider, attempt.model));
          if (only && only.modelId !== attempt.model) throw noModel(attempt);
          return generate(wire, attempt, { model: specified(model), providerOptions, headers });
        }
        case "embed":
        case "embed-batch": {
          const model = made(attempt, () =>
            only ? undefined : embeddingModel(source as AiSdkProvider, attempt.model),
          );
          if (!model) throw noModel(attempt);
          return embed(wire, attempt, model, { headers, providerOptions });
        }
        default:
          // For a count this says that there is no counter, and it is estimated.
          return Response.json({ error: { message: "The AI SDK has nothing for this." } }, { status: 501 });
      }
    },
  });

  return definePlugin({
    name,
    providers: [provider],
    setup(app) {
      const credential = anonymousCredential(name);
      const { limits } = options;
      app.credentials.add(limits ? defineCredential({ ...credential, limits }, credential.data) : credential);
    },
  });
}

function made<T>(attempt: Attempt, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw failureOf(error, attempt);
  }
}

function noModel({ provider, model }: Attempt): ProxyError {
  return new ProxyError({ kind: "model_unavailable", message: `${provider.name} has no model ${model} for this.` });
}

function nameFor(source: AiSdkModel | AiSdkProvider, { name, models }: AiSdkOptions): string {
  const found = name ?? ownName(source, models?.[0]);
  if (found !== undefined && /^[a-z0-9][\w-]*$/i.test(found)) return found;
  const what = found === undefined ? "does not say what it is called" : `is called "${found}", which cannot be a name`;
  throw bad(`The provider given to aiSdk() ${what}`, 'state one: aiSdk(provider, { name: "mine" })');
}

/** What a model of the package says, since providers say nothing about themselves. */
function ownName(source: AiSdkModel | AiSdkProvider, model = "default"): string | undefined {
  try {
    return namespaceOf(isModel(source) ? source : languageModel(source as AiSdkProvider, model)).replaceAll(/\W/g, "_");
  } catch {
    // It knows no model of that name, so there is nothing to ask.
    return undefined;
  }
}

function noSource(): ConfigError {
  return bad(
    "aiSdk() was given neither a model nor a provider of the AI SDK",
    'give it what a package makes, as in aiSdk(createMistral()) or aiSdk(mistral("mistral-large-latest"))',
  );
}

function bad(what: string, fix: string): ConfigError {
  const why = "it adapts a package of the Vercel AI SDK";
  return new ConfigError([{ code: "config_invalid", path: ["plugins", "aiSdk"], what, why, fix }]);
}
