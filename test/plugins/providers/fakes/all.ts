/** Every provider beside the stand-in for it. */
import type { Plugin } from "waygate";
import type { ProviderOptions } from "waygate/plugins/openai-compatible";
import { anthropic } from "waygate/plugins/anthropic";
import { gemini } from "waygate/plugins/gemini";
import { agentrouter } from "waygate/plugins/agentrouter";
import { cerebras } from "waygate/plugins/cerebras";
import { chutes } from "waygate/plugins/chutes";
import { cohere } from "waygate/plugins/cohere";
import { deepseek } from "waygate/plugins/deepseek";
import { g4f } from "waygate/plugins/g4f";
import { groq } from "waygate/plugins/groq";
import { huggingface } from "waygate/plugins/huggingface";
import { mistral } from "waygate/plugins/mistral";
import { nvidiaNim } from "waygate/plugins/nvidia-nim";
import { ollama } from "waygate/plugins/ollama";
import { openai } from "waygate/plugins/openai";
import { openrouter } from "waygate/plugins/openrouter";
import { puter } from "waygate/plugins/puter";
import { together } from "waygate/plugins/together";
import { xai } from "waygate/plugins/xai";
import type { ProviderTest } from "waygate/testing";
import type { Fake } from "./fake.ts";
import * as fast from "./fast.ts";
import * as free from "./free.ts";
import * as gateways from "./gateways.ts";
import * as hosts from "./hosts.ts";
import * as labs from "./labs.ts";
import * as natives from "./natives.ts";
import { openai as openaiFake } from "./openai.ts";

type Options = Pick<ProviderOptions, "keys" | "discover" | "headers"> & { readonly baseURL?: string };

export interface Row {
  /** Of its first provider. */
  readonly id: string;
  readonly plugin: (options: Options) => Plugin;
  readonly fake: Fake;
  readonly tier?: number;
  readonly keyless?: true;
  /** A model that makes the stand-in strict, where not every model does. */
  readonly model?: string;
  /** How the key should arrive, where that is not as a bearer. */
  readonly signed?: ProviderTest["signed"];
}

/** Of OpenAI's dialect. */
export const rows: readonly Row[] = [
  { id: "openai", plugin: openai, fake: openaiFake },
  { id: "groq", plugin: groq, fake: fast.groq },
  { id: "cerebras", plugin: cerebras, fake: fast.cerebras, tier: 2 },
  { id: "mistral", plugin: mistral, fake: labs.mistral },
  { id: "cohere", plugin: cohere, fake: labs.cohere },
  { id: "deepseek", plugin: deepseek, fake: labs.deepseek },
  { id: "xai", plugin: xai, fake: labs.xai, model: "grok-4" },
  { id: "nvidia_nim", plugin: nvidiaNim, fake: hosts.nvidiaNim, model: "deepseek-ai/deepseek-v3.1" },
  { id: "chutes", plugin: chutes, fake: hosts.chutes },
  { id: "together", plugin: together, fake: hosts.together },
  { id: "openrouter", plugin: openrouter, fake: gateways.openrouter },
  { id: "huggingface", plugin: huggingface, fake: gateways.huggingface },
  { id: "agentrouter", plugin: agentrouter, fake: gateways.agentrouter },
  { id: "puter", plugin: puter, fake: gateways.puter, tier: 5 },
  { id: "ollama", plugin: ollama, fake: free.ollama, keyless: true },
  { id: "g4f_main", plugin: g4f, fake: free.g4f, tier: 2, keyless: true },
];

/** Of protocols of their own. */
const nativeRows: readonly Row[] = [
  { id: "anthropic", plugin: anthropic, fake: natives.anthropic, signed: natives.signedAnthropic },
  { id: "gemini", plugin: gemini, fake: natives.gemini, signed: natives.signedGemini },
];

export const allRows: readonly Row[] = [...rows, ...nativeRows];
