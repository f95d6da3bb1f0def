/** The specification itself, for what is inside the plugin: its types are those of the package, where it is installed. */
import type {
  LanguageModelV2,
  LanguageModelV2StreamPart,
  LanguageModelV3,
  LanguageModelV3StreamPart,
  LanguageModelV4,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";
import type { AiSdkEmbeddingModel, AiSdkModel, AiSdkProvider } from "./model.ts";

export type Model = LanguageModelV2 | LanguageModelV3 | LanguageModelV4;
export type StreamPart = LanguageModelV2StreamPart | LanguageModelV3StreamPart | LanguageModelV4StreamPart;

/** Providers that are functions have their other kinds of models as members. */
type Maker = {
  readonly languageModel?: (modelId: string) => AiSdkModel;
  readonly embeddingModel?: (modelId: string) => AiSdkEmbeddingModel;
  readonly textEmbeddingModel?: (modelId: string) => AiSdkEmbeddingModel;
};

/** Throws what the provider throws for a name it does not know. */
export function languageModel(provider: AiSdkProvider, model: string): AiSdkModel {
  const maker = provider as Maker;
  return maker.languageModel ? maker.languageModel(model) : (provider as (modelId: string) => AiSdkModel)(model);
}

/** `undefined` where the provider has no vectors. */
export function embeddingModel(provider: AiSdkProvider, model: string): AiSdkEmbeddingModel | undefined {
  const maker = provider as Maker;
  return maker.embeddingModel?.(model) ?? maker.textEmbeddingModel?.(model);
}

/** What a config has is what the specification says, checked at start as far as it can be. */
export function specified(model: AiSdkModel): Model {
  return model as unknown as Model;
}
