/** What can be said about an upstream that speaks one of the four protocols. */
import type { ApiKey, Attempt, Body, Classification, FailureSignal, KeyInput, Limits, Timeouts } from "waygate";
import type { Dialect } from "./dialects.ts";
import type { FailureRule } from "./failures.ts";
import type { FieldRules } from "./fields.ts";
import type { Rewriter } from "waygate";

export interface OpenAICompatibleOptions<
  Name extends string = string,
  Model extends string = string,
> extends FieldRules {
  /** The part before the slash in a model's name. */
  readonly name: Name;
  /** Default `<NAME>_API_BASE` of the environment. */
  readonly baseURL?: string;
  /** The address when neither `baseURL` nor the environment has one. */
  readonly defaultBaseURL?: string;
  /** What it speaks, or which of several for a model and a client of the protocol `client`. Default `openai-chat`. */
  readonly protocol?: Dialect | ((model: string, client: string) => Dialect);
  /** False for servers of chat without the legacy `/completions`; its clients are then answered through chat. Default true. */
  readonly completions?: boolean;
  /** Keys, or one text with commas. Default: `<NAME>_API_KEY`, `_API_KEYS` and `_API_KEY_1` … of the environment, and what their `…_FILE` forms name. */
  readonly keys?: string | readonly KeyInput[];
  /** Variables of the environment that are looked at when those by the name hold no key; `X_API_KEY` stands for all its forms. */
  readonly keyVariables?: readonly string[];
  /** Requests need no key. Keys that are given are used all the same. */
  readonly keyless?: boolean;
  /** Known models; replaces discovery and limits nothing. */
  readonly models?: readonly Model[];
  /** Ask the upstream for its models although `models` is given, and list both; or never ask. */
  readonly discover?: boolean;
  /** Models listed, where `models` states none, as long as the upstream has not listed its own. */
  readonly usualModels?: readonly Model[];
  /** Where the list of models is, given the base URL; the first address that is there. Default `<base>/models`. */
  modelsURL?(base: string): string | readonly string[];
  /** False for names in the upstream's list that are not to be listed. */
  listsModel?(model: string): boolean;
  /** 1 is best; see `tiers()`. */
  readonly tier?: number;
  /** More headers for every request. */
  readonly headers?: { readonly [name: string]: string };
  /** Headers of the client that are sent on, for upstreams that look at who calls. They win over the proxy's own. */
  readonly passHeaders?: readonly string[];
  /** Requests in flight per key at most. Default: no limit. */
  readonly concurrency?: number;
  /** For keys that have none of their own. */
  readonly limits?: Limits;
  /** Milliseconds; 0 = off. */
  readonly timeouts?: Partial<Timeouts>;
  /** URL of an outbound HTTP proxy, for keys that have none of their own. */
  readonly proxy?: string;
  /** False for upstreams that refuse `stream_options`. */
  readonly streamUsage?: boolean;
  /** Answers hold reasoning in `<think>` blocks; it is moved to `reasoning_content`. For `openai-chat` only. */
  readonly think?: boolean;
  /** Changes a chat request after all other rules. Must not change its input. */
  adapt?(body: Body, attempt: Attempt<ApiKey>): Body;
  /** Changes answers; made once per attempt. `undefined`: this one is not changed. */
  rewrite?(attempt: Attempt<ApiKey>): Rewriter | undefined;
  /** Reads the upstream's failures; `undefined` leaves one to `failures`, and these to the core. */
  classify?(signal: FailureSignal): Classification | undefined;
  /** What is special about the upstream's failures. */
  readonly failures?: readonly FailureRule[];
}
