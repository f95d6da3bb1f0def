/** What variables say of the providers with accounts, in the words of their plugins. */
import type { AccountOptions } from "./accounts.ts";
import type { Reader } from "./reader.ts";

/** The ports, projects, clients and versions are read by the plugins themselves. */
export function accountOptions(prefix: string, reader: Reader): AccountOptions {
  const isGoogle = prefix === "GEMINI_CLI" || prefix === "ANTIGRAVITY";
  return stated({
    refreshInterval: reader.number("OAUTH_REFRESH_INTERVAL", 1),
    startCheck: reader.flag("SKIP_OAUTH_INIT_CHECK") ? false : undefined,
    ...(isGoogle && googleOptions(prefix, reader)),
    ...(prefix === "ANTIGRAVITY" && antigravityOptions(reader)),
  });
}

function googleOptions(prefix: string, { flag, number, text }: Reader): AccountOptions {
  const interval = number(`${prefix}_QUOTA_REFRESH_INTERVAL`);
  const guards = stated({
    prefix: text(`${prefix}_GEMINI3_TOOL_PREFIX`),
    strict: flag(`${prefix}_GEMINI3_STRICT_SCHEMA`),
    describe: text(`${prefix}_GEMINI3_DESCRIPTION_PROMPT`),
    instruction: text(`${prefix}_GEMINI3_SYSTEM_INSTRUCTION`),
    repair: flag(`${prefix}_ENABLE_JSON_STRING_PARSING`),
    parallel: prefix === "ANTIGRAVITY" ? flag("ANTIGRAVITY_PARALLEL_TOOL_INSTRUCTION_GEMINI3") : undefined,
  });
  const isOff = flag(`${prefix}_GEMINI3_TOOL_FIX`) === false;
  return {
    quotaInterval: interval === undefined ? undefined : interval * 1000,
    toolGuards: isOff ? false : isEmpty(guards) ? undefined : guards,
  };
}

function antigravityOptions({ flag, number }: Reader): AccountOptions {
  const pause = number("ANTIGRAVITY_MALFORMED_CALL_DELAY");
  const parallel = flag("ANTIGRAVITY_PARALLEL_TOOL_INSTRUCTION_CLAUDE");
  const isDynamic = flag("ANTIGRAVITY_ENABLE_DYNAMIC_MODELS");
  const capacityWaits = waits(
    number("ANTIGRAVITY_503_MAX_ATTEMPTS", 1),
    number("ANTIGRAVITY_503_RETRY_DELAY"),
    [10, 5],
  );
  return {
    discover: isDynamic,
    interleaved: flag("ANTIGRAVITY_INTERLEAVED_THINKING"),
    clampThinking: flag("ANTIGRAVITY_CLAMP_THINKING_TO_OUTPUT"),
    callRetries: number("ANTIGRAVITY_MALFORMED_CALL_RETRIES"),
    callPause: pause === undefined ? undefined : pause * 1000,
    emptyWaits: waits(
      number("ANTIGRAVITY_EMPTY_RESPONSE_ATTEMPTS", 1),
      number("ANTIGRAVITY_EMPTY_RESPONSE_RETRY_DELAY"),
      [6, 3],
    ),
    claudeGuards: parallel === undefined ? undefined : { parallel },
    waits: capacityWaits && { capacityWaits },
  };
}

/** Attempts and seconds between them, as milliseconds of the waits. */
function waits(
  attempts: number | undefined,
  seconds: number | undefined,
  [usualAttempts, usualSeconds]: readonly [number, number],
): readonly number[] | undefined {
  if (attempts === undefined && seconds === undefined) return undefined;
  return Array.from({ length: Math.floor(attempts ?? usualAttempts) - 1 }, () => (seconds ?? usualSeconds) * 1000);
}

function stated<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function isEmpty(options: object): boolean {
  return Object.keys(options).length === 0;
}
