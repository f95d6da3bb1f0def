/** What users may state of Antigravity. */
import type { CodeAssistOptions, GoogleAddresses, ToolGuardOptions } from "waygate/plugins/code-assist";

export interface AntigravityOptions<Name extends string = string, Model extends string = string>
  extends CodeAssistOptions<Name, Model>, GoogleAddresses {
  /** Base addresses of the service up to the version; the first that is in order is asked. Default: daily, then production. */
  readonly baseURL?: string | readonly string[];
  /** The same for signing up, models and quotas. Default: those of `baseURL`; what is left is always asked of the first. */
  readonly controlURL?: string | readonly string[];
  /** Default `ANTIGRAVITY_CLIENT_ID`, else that of the Antigravity IDE. */
  readonly clientId?: string;
  /** Default `ANTIGRAVITY_CLIENT_SECRET`, else what the account's file holds, else that of the installed IDE. */
  readonly clientSecret?: string;
  /** Of the callback of a login. Default `ANTIGRAVITY_OAUTH_PORT`, else 51121, else any that is free. */
  readonly port?: number;
  /** The project of accounts for which Google names none. Default `ANTIGRAVITY_PROJECT_ID`, else `GOOGLE_CLOUD_PROJECT`. */
  readonly project?: string;
  /** The client's version; too old a one is refused. Default `ANTIGRAVITY_VERSION`, else the latest known. */
  readonly version?: string;
  /** The whole header. Default `ANTIGRAVITY_USER_AGENT`, else made of the version. */
  readonly userAgent?: string;
  /** Names the project in `x-goog-user-project` as well; left out again for accounts that are refused for it. Default false. */
  readonly userProject?: boolean;
  /** Words before everything else that the model is told; true: a neutral sentence. Default `ANTIGRAVITY_PREPEND_INSTRUCTION`, else none. */
  readonly instruction?: boolean | string;
  /** Measures against calls of tools with parameters they do not have, for Gemini 3. `false`: none. Default: all. */
  readonly toolGuards?: ToolGuardOptions | false;
  /** The same for Claude. Default: arguments are repaired and calls are to be made together. */
  readonly claudeGuards?: ToolGuardOptions | false;
  /** Claude may think between calls of tools. Default true. */
  readonly interleaved?: boolean;
  /** Where an answer is too short for its thinking: true cuts the thinking down, false lets the answer be longer. Default false. */
  readonly clampThinking?: boolean;
  /** Milliseconds of the waits after an answer without content. Default 3 s, five times. */
  readonly emptyWaits?: readonly number[];
  /** Milliseconds of the waits after a 429 that says nothing, before one other account is asked. Default 3 s, twice. */
  readonly bareWaits?: readonly number[];
  /** How often a model is asked again after a call that could not be read. Default 2, each after 1 s. */
  readonly callRetries?: number;
  readonly callPause?: number;
  /** Uses what has been bought beside the plan (`GOOGLE_ONE_AI`), which costs money. Default false. */
  readonly credits?: boolean;
  /** Milliseconds between two looks at whether Google has taken a new account on. Default 2 s. */
  readonly onboardPause?: number;
}
