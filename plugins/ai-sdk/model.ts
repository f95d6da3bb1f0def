/**
 * What is asked of a package of the Vercel AI SDK: the second, third and fourth version of its specification. Written
 * down in outline, so that a config is checked whichever version of `@ai-sdk/provider` is installed, or none.
 */
import type { JsonObject } from "waygate";

/** A language model of any AI SDK provider package. */
export interface AiSdkModel {
  readonly specificationVersion: "v2" | "v3" | "v4";
  /** As in `openai.responses`. */
  readonly provider: string;
  readonly modelId: string;
  doGenerate(options: never): PromiseLike<object>;
  doStream(options: never): PromiseLike<{ readonly stream: ReadableStream }>;
}

/** A package's own options, by its name for itself. */
export type ProviderOptions = { readonly [namespace: string]: JsonObject };

/** A model that makes vectors. */
export interface AiSdkEmbeddingModel {
  readonly specificationVersion: "v2" | "v3" | "v4";
  readonly maxEmbeddingsPerCall: PromiseLike<number | undefined> | number | undefined;
  doEmbed(options: never): PromiseLike<object>;
}

/** A provider as its package makes it: an object that knows models by their names, or a function that does. */
export type AiSdkProvider =
  | {
      languageModel(modelId: string): AiSdkModel;
      embeddingModel?(modelId: string): AiSdkEmbeddingModel;
      textEmbeddingModel?(modelId: string): AiSdkEmbeddingModel;
    }
  | ((modelId: string) => AiSdkModel);

export function isModel(value: unknown): value is AiSdkModel {
  return isFields(value) && typeof value["doStream"] === "function" && typeof value["doGenerate"] === "function";
}

export function isProvider(value: unknown): value is AiSdkProvider {
  return typeof value === "function" || (isFields(value) && typeof value["languageModel"] === "function");
}

/** The key of a model's own options and metadata: `openai` of `openai.responses`, `google` of `google.generative-ai`. */
export function namespaceOf({ provider }: Pick<AiSdkModel, "provider">): string {
  const [first = ""] = provider.split(".");
  if (first === "azure-openai") return "azure";
  return first;
}

export type Fields = { readonly [name: string]: unknown };

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
