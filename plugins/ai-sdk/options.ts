/** What is asked of a model, besides the conversation, in the words of the AI SDK. */
import {
  budgetFor,
  effortFor,
  type Emit,
  type GenerateRequest,
  type JsonObject,
  type Loss,
  loseAllForeign,
  unsupported,
} from "waygate";
import { namespaceOf, type ProviderOptions } from "./model.ts";
import type { Model } from "./spec.ts";

/** `LanguageModelCallOptions` less prompt, headers and signal. `stated` are the config's own options of the provider. */
export function callOptions(
  request: GenerateRequest,
  init: { readonly model: Model; readonly stated: ProviderOptions; readonly lose: Emit<Loss> },
): { readonly [name: string]: unknown } {
  const { model, lose } = init;
  loseAllForeign(request, "ai-sdk", lose);
  if ((request.choices ?? 1) > 1) throw unsupported("n", "the AI SDK gives one answer.");
  return defined({
    maxOutputTokens: request.maxTokens,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    seed: request.seed,
    presencePenalty: request.presencePenalty,
    frequencyPenalty: request.frequencyPenalty,
    stopSequences: request.stop,
    responseFormat: formatOf(request),
    ...toolsOf(request, model, lose),
    reasoning: model.specificationVersion === "v4" ? wantedEffort(request) : undefined,
    providerOptions: merged(ownOptions(request, model), init.stated),
  });
}

function formatOf({ format }: GenerateRequest): object | undefined {
  return format && defined({ type: "json", schema: format.schema, name: format.name });
}

function toolsOf({ tools, toolChoice }: GenerateRequest, { specificationVersion }: Model, lose: Emit<Loss>): object {
  const allowed = typeof toolChoice === "object" && "names" in toolChoice ? toolChoice.names : undefined;
  const functions = (tools ?? []).flatMap((tool): object[] => {
    if (tool.type === "hosted") {
      lose({ what: `the hosted tool ${tool.name}`, where: "tools" });
      return [];
    }
    if (allowed && !allowed.includes(tool.name)) return [];
    const { name, description, schema: inputSchema } = tool;
    const strict = specificationVersion === "v2" ? undefined : tool.strict;
    return [defined({ type: "function", name, description, inputSchema, strict })];
  });
  return functions.length === 0 ? {} : { tools: functions, toolChoice: choiceOf(toolChoice) };
}

function choiceOf(choice: GenerateRequest["toolChoice"]): object | undefined {
  if (choice === undefined) return undefined;
  if (typeof choice === "string") return { type: choice };
  if ("name" in choice) return { type: "tool", toolName: choice.name };
  return { type: choice.required ? "required" : "auto" };
}

function wantedEffort({ reasoning }: GenerateRequest): string | undefined {
  if (reasoning?.effort !== undefined) return reasoning.effort;
  const { budget } = reasoning ?? {};
  // As many as the model finds right is what it does by itself.
  return budget === undefined || budget < 0 ? undefined : effortFor(budget);
}

/** What the specification has no word for and the package of the model's maker has. */
function ownOptions(request: GenerateRequest, model: Model): ProviderOptions {
  const namespace = namespaceOf(model);
  const options = makers[namespace]?.(request, model);
  return options && Object.keys(options).length > 0 ? { [namespace]: options } : {};
}

type Maker = (request: GenerateRequest, model: Model) => JsonObject;

const openai: Maker = (request, { specificationVersion }) =>
  defined({
    parallelToolCalls: request.tools ? request.parallelToolCalls : undefined,
    user: request.user,
    strictJsonSchema: request.format?.strict,
    reasoningEffort: specificationVersion === "v4" ? undefined : wantedEffort(request),
  }) as JsonObject;

const anthropic: Maker = (request, model) => {
  const budget = wantedBudget(request, model);
  return defined({
    disableParallelToolUse: request.tools && request.parallelToolCalls === false ? true : undefined,
    metadata: request.user === undefined ? undefined : { userId: request.user },
    thinking:
      budget === undefined
        ? undefined
        : budget === 0
          ? { type: "disabled" }
          : { type: "enabled", budgetTokens: Math.max(budget, leastBudget) },
  }) as JsonObject;
};

const none: JsonObject = {};

const google: Maker = (request, model) => {
  if (request.reasoning === undefined) return none;
  const includeThoughts = request.reasoning.visible ?? true;
  return { thinkingConfig: defined({ includeThoughts, thinkingBudget: wantedBudget(request, model) }) as JsonObject };
};

/** Anthropic takes no smaller ones (Anthropic API reference, "thinking"). */
const leastBudget = 1024;

/** An effort stays one where the specification has the word. */
function wantedBudget({ reasoning }: GenerateRequest, { specificationVersion }: Model): number | undefined {
  const { budget, effort } = reasoning ?? {};
  if (budget !== undefined) return budget < 0 ? undefined : budget;
  return effort === undefined || specificationVersion === "v4" ? undefined : budgetFor(effort);
}

const makers: { readonly [namespace: string]: Maker } = { openai, azure: openai, anthropic, google, vertex: google };

/** The config's options win, field by field. */
function merged(own: ProviderOptions, stated: ProviderOptions): ProviderOptions | undefined {
  const names = [...new Set([...Object.keys(own), ...Object.keys(stated)])];
  if (names.length === 0) return undefined;
  return Object.fromEntries(names.map((name) => [name, { ...own[name], ...stated[name] }]));
}

function defined(fields: { readonly [name: string]: unknown }): { readonly [name: string]: unknown } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
