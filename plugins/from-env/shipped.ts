/** The providers with keys that ship, and the variables by which each is known to be wanted. */
import type { Plugin } from "waygate";
import { agentrouter } from "waygate/plugins/agentrouter";
import { anthropic } from "waygate/plugins/anthropic";
import { cerebras } from "waygate/plugins/cerebras";
import { chutes } from "waygate/plugins/chutes";
import { cohere } from "waygate/plugins/cohere";
import { deepseek } from "waygate/plugins/deepseek";
import { gemini } from "waygate/plugins/gemini";
import { groq } from "waygate/plugins/groq";
import { huggingface } from "waygate/plugins/huggingface";
import { mistral } from "waygate/plugins/mistral";
import { nvidiaNim } from "waygate/plugins/nvidia-nim";
import { ollama } from "waygate/plugins/ollama";
import { openai } from "waygate/plugins/openai";
import type { ProviderOptions } from "waygate/plugins/openai-compatible";
import { openrouter } from "waygate/plugins/openrouter";
import { puter } from "waygate/plugins/puter";
import { together } from "waygate/plugins/together";
import { xai } from "waygate/plugins/xai";

export interface ShippedProvider {
  readonly id: string;
  make(options: ProviderOptions): Plugin;
  /** Variables its plugin looks at when those by its id hold no key. A test holds them equal to the plugin's. */
  readonly others?: readonly string[];
  /** What other proxies call the variable with its keys, separated by commas. */
  readonly foreign?: string;
  /** An address of somebody's own is enough: it may need no key. */
  readonly byAddress?: boolean;
}

export const shippedProviders: readonly ShippedProvider[] = [
  { id: "openai", make: openai, foreign: "OPENAI_KEY" },
  { id: "anthropic", make: anthropic, foreign: "ANTHROPIC_KEY" },
  { id: "gemini", make: gemini, others: ["GOOGLE_API_KEY"], foreign: "GOOGLE_AI_KEY" },
  { id: "openrouter", make: openrouter },
  { id: "groq", make: groq },
  { id: "mistral", make: mistral, foreign: "MISTRAL_AI_KEY" },
  { id: "cohere", make: cohere },
  { id: "nvidia_nim", make: nvidiaNim, others: ["NVIDIA_API_KEY"] },
  { id: "chutes", make: chutes },
  { id: "deepseek", make: deepseek },
  { id: "xai", make: xai },
  { id: "together", make: together, others: ["TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY"] },
  { id: "cerebras", make: cerebras },
  { id: "agentrouter", make: agentrouter },
  { id: "huggingface", make: huggingface, others: ["HF_TOKEN"] },
  { id: "puter", make: puter, others: ["PUTER_AUTH_TOKEN"], byAddress: true },
  { id: "ollama", make: ollama, byAddress: true },
];
