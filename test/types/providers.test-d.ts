import { describe, expectTypeOf, it } from "vitest";
import { type AnyConfig, type Config, defineConfig, type ModelRef } from "waygate";
import { agentrouter } from "waygate/plugins/agentrouter";
import { anthropic } from "waygate/plugins/anthropic";
import { cerebras } from "waygate/plugins/cerebras";
import { chutes } from "waygate/plugins/chutes";
import { cohere } from "waygate/plugins/cohere";
import { deepseek } from "waygate/plugins/deepseek";
import { echo } from "waygate/plugins/echo";
import { g4f } from "waygate/plugins/g4f";
import { gemini } from "waygate/plugins/gemini";
import { groq } from "waygate/plugins/groq";
import { huggingface } from "waygate/plugins/huggingface";
import { mistral } from "waygate/plugins/mistral";
import { nvidiaNim } from "waygate/plugins/nvidia-nim";
import { ollama } from "waygate/plugins/ollama";
import { openai } from "waygate/plugins/openai";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { openrouter } from "waygate/plugins/openrouter";
import { puter } from "waygate/plugins/puter";
import { resilience } from "waygate/plugins/resilience";
import { tiers } from "waygate/plugins/tiers";
import { together } from "waygate/plugins/together";
import { xai } from "waygate/plugins/xai";

/** The names an editor offers under `models`: those that stand in the type as literals of their own. */
type Offered<C extends AnyConfig> = C extends Config<infer P> ? Literal<ModelRef<P>> : never;
// A record keyed by a template such as `groq/${string}` may be empty; one keyed by a literal may not.
type Literal<T> = T extends string ? ({} extends Record<T, 1> ? never : T) : never;
type ProviderOf<T extends string> = T extends `${infer Id}/${string}` ? Id : never;

describe("models of shipped providers", () => {
  it("are completed, each with its provider's id", () => {
    const config = defineConfig({ plugins: [openai(), [xai(), false], echo(), tiers(), resilience()] });
    type Names = Offered<typeof config>;
    expectTypeOf<"openai/gpt-5-mini">().toExtend<Names>();
    expectTypeOf<"openai/gpt-99">().not.toExtend<Names>();
    expectTypeOf<Exclude<Names, `openai/${string}`>>().toEqualTypeOf<
      "xai/grok-4" | "xai/grok-3" | "xai/grok-3-mini" | "xai/grok-code-fast-1" | "echo/echo"
    >();
  });

  it("are completed for every provider that knows any", () => {
    const config = defineConfig({
      plugins: [
        [cerebras(), chutes(), cohere(), deepseek(), groq(), huggingface(), mistral(), nvidiaNim()],
        [openai(), anthropic(), gemini(), openrouter(), together(), xai()],
      ],
    });
    expectTypeOf<ProviderOf<Offered<typeof config>>>().toEqualTypeOf<
      | ("cerebras" | "chutes" | "cohere" | "deepseek" | "groq" | "huggingface" | "mistral" | "nvidia_nim")
      | ("openai" | "anthropic" | "gemini" | "openrouter" | "together" | "xai")
    >();
  });

  it("are anything behind the id where none is known beforehand", () => {
    const config = defineConfig({
      plugins: [ollama(), puter(), agentrouter()],
      models: { a: ["ollama/llama3.2:latest", "puter/claude-sonnet-4", "agentrouter/x"] },
    });
    expectTypeOf<Offered<typeof config>>().toEqualTypeOf<never>();
    // @ts-expect-error olama
    defineConfig({ plugins: [ollama()], models: { a: "olama/llama3.2:latest" } });
  });

  it("are accepted when they are newer than the list, and refused with another provider's id", () => {
    defineConfig({
      plugins: [groq(), cerebras(), tiers([["groq"], ["cerebras"]]), resilience()],
      models: { a: "groq/brand-new", b: ["groq/openai/gpt-oss-120b", "cerebras/brand-new"], "fast/*": "groq/*" },
    });
    // @ts-expect-error grok is xAI's model, not a provider
    defineConfig({ plugins: [groq()], models: { a: "grok/llama-3.3-70b-versatile" } });
    // @ts-expect-error openai is not listed
    defineConfig({ plugins: [groq(), resilience()], models: { a: ["groq/x", "openai/gpt-5"] } });
    // @ts-expect-error a model needs its provider
    defineConfig({ plugins: [openai()], models: { a: "gpt-5" } });
  });

  it("grow by those a config states, and take the name it gives", () => {
    const config = defineConfig({
      plugins: [
        groq({ name: "fast", models: ["mine"] }),
        openrouter({ name: "router", models: ["new/one"], appName: "App" }),
        huggingface({ models: ["org/name:groq"], billTo: "acme" }),
      ],
      models: { a: "fast/mine", b: "router/anything/at-all", c: "huggingface/org/other" },
    });
    type Names = Offered<typeof config>;
    expectTypeOf<"fast/mine" | "fast/llama-3.3-70b-versatile">().toExtend<Names>();
    expectTypeOf<"router/new/one" | "router/openrouter/auto" | "huggingface/org/name:groq">().toExtend<Names>();
    // @ts-expect-error its id is fast now
    defineConfig({ plugins: [groq({ name: "fast" })], models: { a: "groq/llama-3.3-70b-versatile" } });
  });

  it("stay known when the plugin is made before the config", () => {
    const fast = groq();
    const config = defineConfig({ plugins: [fast], models: { a: "groq/new" } });
    expectTypeOf<"groq/llama-3.3-70b-versatile">().toExtend<Offered<typeof config>>();
  });
});

describe("models of g4f", () => {
  it("begin with one of its five ids", () => {
    const config = defineConfig({
      plugins: [g4f({ models: ["gpt-4o"] })],
      models: { a: ["g4f_main/gpt-4o", "g4f_groq/x", "g4f_grok/x", "g4f_gemini/x", "g4f_nvidia/x"] },
    });
    expectTypeOf<Offered<typeof config>>().toEqualTypeOf<
      "g4f_main/gpt-4o" | "g4f_groq/gpt-4o" | "g4f_grok/gpt-4o" | "g4f_gemini/gpt-4o" | "g4f_nvidia/gpt-4o"
    >();
    defineConfig({ plugins: [g4f()], models: { a: ["g4f_main/gpt-4o", "g4f_nvidia/x"] } });
    // @ts-expect-error g4f is the plugin, not a provider
    defineConfig({ plugins: [g4f()], models: { a: "g4f/gpt-4o" } });
    // @ts-expect-error there is no sixth
    defineConfig({ plugins: [g4f()], models: { a: ["g4f_main/gpt-4o", "g4f_openai/gpt-4o"] } });
  });
});

describe("models of openaiCompatible", () => {
  it("begin with the name it is given, without `as const`", () => {
    const config = defineConfig({
      plugins: [
        openaiCompatible({ name: "lab", baseURL: "http://gpu-1:8000/v1", models: ["llama", "qwen"] }),
        openaiCompatible({ name: "open", baseURL: "http://gpu-2:8000/v1" }),
      ],
      models: { a: ["lab/llama", "lab/new", "open/anything"] },
    });
    expectTypeOf<Offered<typeof config>>().toEqualTypeOf<"lab/llama" | "lab/qwen">();
    const lab = openaiCompatible({ name: "lab", baseURL: "http://gpu-1:8000/v1" });
    const open = openaiCompatible({ name: "open", baseURL: "http://gpu-2:8000/v1" });
    // @ts-expect-error labb
    defineConfig({ plugins: [lab, open], models: { a: "labb/llama" } });
    // @ts-expect-error labb, in a list beside a good one
    defineConfig({ plugins: [[lab], false, open], models: { a: ["open/x", "labb/llama"] } });
  });

  it("may be of any provider when its name is only known at start", () => {
    const name: string = process.env["LAB"] ?? "lab";
    defineConfig({ plugins: [openaiCompatible({ name, baseURL: "http://gpu-1/v1" })], models: { a: "any/thing" } });
    // @ts-expect-error still a provider and a model
    defineConfig({ plugins: [openaiCompatible({ name, baseURL: "http://gpu-1/v1" })], models: { a: "thing" } });
  });

  it("refuse an option that does not exist", () => {
    // @ts-expect-error baseUrl
    openaiCompatible({ name: "lab", baseUrl: "http://gpu-1:8000/v1" });
    // @ts-expect-error apiKey
    groq({ apiKey: "x" });
    // @ts-expect-error a tier is a number
    g4f({ tier: "2" });
  });
});
