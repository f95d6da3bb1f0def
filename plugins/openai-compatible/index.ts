/** Any upstream that speaks one of the four protocols, by address and keys. */
export { openaiCompatible } from "./compatible.ts";
export type { OpenAICompatibleOptions } from "./options.ts";
export { classifyBy, nextDay, nextMonth } from "./failures.ts";
export type { Classify, FailureRule } from "./failures.ts";
export { messagesIn } from "./fields.ts";
export type { FieldRules } from "./fields.ts";
export { isObject, parseObject } from "./json.ts";
export { providerFunction } from "./provider-function.ts";
export type { ProviderFunction, ProviderOptions } from "./provider-function.ts";
export { createThinkSplitter } from "./think-splitter.ts";
export type { ThinkPiece, ThinkSplitter } from "./think-splitter.ts";
export { splitThink, thinkRewriter } from "./think.ts";
