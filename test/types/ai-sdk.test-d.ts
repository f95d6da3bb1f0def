import { anthropic } from "@ai-sdk/anthropic";
import { google } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type {
  LanguageModelV2,
  LanguageModelV3,
  LanguageModelV4,
  ProviderV2,
  ProviderV3,
  ProviderV4,
} from "@ai-sdk/provider";
import { describe, expectTypeOf, it } from "vitest";
import { defineConfig } from "waygate";
import { aiSdk, type AiSdkModel, type AiSdkProvider } from "waygate/plugins/ai-sdk";

describe("aiSdk", () => {
  it("takes models and providers of every version of the specification", () => {
    expectTypeOf<LanguageModelV2 | LanguageModelV3 | LanguageModelV4>().toExtend<AiSdkModel>();
    expectTypeOf<ProviderV2 | ProviderV3 | ProviderV4>().toExtend<AiSdkProvider>();
    // @ts-expect-error a text names a model of a gateway that is not asked
    aiSdk("openai/gpt-5");
    // @ts-expect-error an option that does not exist
    aiSdk(anthropic, { keys: ["k"] });
  });

  it("takes real packages, and its name and models complete in a config", () => {
    const lab = createOpenAICompatible({ name: "lab", baseURL: "http://gpu-1/v1" });
    defineConfig({
      plugins: [
        aiSdk(anthropic, { name: "claude", models: ["claude-sonnet-4-5"] }),
        aiSdk(google("gemini-2.5-pro"), { name: "gem" }),
        aiSdk(createOpenAI({ apiKey: "k" }).responses("gpt-5"), { name: "gpt" }),
        aiSdk(lab, { name: "lab" }),
      ],
      models: { a: ["claude/claude-sonnet-4-5", "gem/x", "gpt/gpt-5", "lab/anything"] },
    });
    // @ts-expect-error claud
    defineConfig({ plugins: [aiSdk(anthropic, { name: "claude" })], models: { a: "claud/x" } });
  });
});
