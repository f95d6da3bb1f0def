/** Other names of providers and models. Nothing here guesses: each rule turns a name into one that means the same. */

/** Providers' ids as people also write them, to the catalogue's. Compared in lower case with `_` for `-`. */
const providerNames: { readonly [name: string]: string } = {
  google: "gemini",
  google_ai_studio: "gemini",
  together_ai: "together",
  togetherai: "together",
  nvidia: "nvidia_nim",
  nim: "nvidia_nim",
  x_ai: "xai",
  grok: "xai",
  hf: "huggingface",
  mistralai: "mistral",
  mistral_ai: "mistral",
  deepseek_ai: "deepseek",
  ollama_cloud: "ollama",
  moonshot: "moonshotai",
  qwen: "alibaba",
  dashscope: "alibaba",
  z_ai: "zai",
  zai_org: "zai",
  minimaxai: "minimax",
};

/** Those who make models. Only they describe a model that somebody else sells. */
const vendors: ReadonlySet<string> = new Set([
  "openai",
  "anthropic",
  "gemini",
  "mistral",
  "xai",
  "deepseek",
  "cohere",
  "alibaba",
  "moonshotai",
  "zai",
  "minimax",
]);

/** The catalogue's id of a provider; an unknown one is returned in the form ids are compared in. */
export function catalogProvider(name: string): string {
  const id = name.toLowerCase().replaceAll("-", "_");
  return Object.hasOwn(providerNames, id) ? providerNames[id]! : id;
}

export function isVendor(provider: string): boolean {
  return vendors.has(provider);
}

/** The form models' names are compared in: `Claude-Sonnet-4.5` and `claude-sonnet-4-5` are one. */
export function modelKey(model: string): string {
  return model.toLowerCase().replaceAll(".", "-");
}

/** Suffixes of OpenRouter's model variants: another way to reach the same model, at another price. */
const routeSuffix = /:(?:free|nitro|floor|online|exacto)$/;

export function withoutRoute(model: string): string {
  return model.replace(routeSuffix, "");
}

/** The names one provider gives one model: a dated or numbered release, the latest one, the plain name. */
export function variantsOf(model: string): readonly string[] {
  const plain = model.replace(/-(?:latest|\d{4}-\d{2}-\d{2}|20\d{6}|00\d)$/, "");
  return plain === model ? [`${model}-latest`] : [plain];
}

/** `vendor/model` or `models/model`, taken apart. */
export function splitVendor(model: string): { readonly vendor: string | undefined; readonly name: string } {
  const slash = model.indexOf("/");
  if (slash <= 0) return { vendor: undefined, name: model };
  return { vendor: catalogProvider(model.slice(0, slash)), name: model.slice(slash + 1) };
}
