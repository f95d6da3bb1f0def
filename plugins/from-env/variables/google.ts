/** What the two providers of Google's accounts have of their own. */
import type { Variable, VariableGroup } from "./row.ts";

const both = (suffix: string, rest: Omit<Variable, "name" | "sample">, value?: string): Variable[] =>
  ["GEMINI_CLI", "ANTIGRAVITY"].map((prefix) => ({
    name: `${prefix}_${suffix}`,
    ...rest,
    ...(value !== undefined && { sample: `${prefix}_${suffix}=${value}` }),
  }));

const seals = "signatures travel in the messages; for clients that drop them there is `carry()`";
const looks = "nothing imitates the official program beyond what the service needs";

export const google: VariableGroup = {
  title: "Gemini CLI and Antigravity",
  variables: [
    ...both("GEMINI3_TOOL_FIX", { becomes: "false: `toolGuards: false`" }, "false"),
    ...both("GEMINI3_TOOL_PREFIX", { becomes: "`toolGuards.prefix`" }, "tool_"),
    ...both("GEMINI3_STRICT_SCHEMA", { becomes: "`toolGuards.strict`" }, "false"),
    ...both(
      "GEMINI3_DESCRIPTION_PROMPT",
      { becomes: "`toolGuards.describe`; `{params}` stands for the parameters" },
      "Takes {params}.",
    ),
    ...both("GEMINI3_SYSTEM_INSTRUCTION", { becomes: "`toolGuards.instruction`" }, "Mind the schemas of tools."),
    ...both("ENABLE_JSON_STRING_PARSING", { becomes: "`toolGuards.repair`" }, "false"),
    ...both("QUOTA_REFRESH_INTERVAL", { becomes: "`quotaInterval`, in seconds" }, "300"),
    {
      name: "ANTIGRAVITY_ENABLE_DYNAMIC_MODELS",
      becomes: "`discover`",
      sample: "ANTIGRAVITY_ENABLE_DYNAMIC_MODELS=false",
    },
    {
      name: "ANTIGRAVITY_INTERLEAVED_THINKING",
      becomes: "`interleaved`",
      sample: "ANTIGRAVITY_INTERLEAVED_THINKING=false",
    },
    {
      name: "ANTIGRAVITY_CLAMP_THINKING_TO_OUTPUT",
      becomes: "`clampThinking`",
      sample: "ANTIGRAVITY_CLAMP_THINKING_TO_OUTPUT=true",
    },
    {
      name: "ANTIGRAVITY_PARALLEL_TOOL_INSTRUCTION_CLAUDE",
      becomes: "`claudeGuards.parallel`",
      sample: "ANTIGRAVITY_PARALLEL_TOOL_INSTRUCTION_CLAUDE=false",
    },
    {
      name: "ANTIGRAVITY_PARALLEL_TOOL_INSTRUCTION_GEMINI3",
      becomes: "`toolGuards.parallel`",
      sample: "ANTIGRAVITY_PARALLEL_TOOL_INSTRUCTION_GEMINI3=false",
    },
    {
      name: "ANTIGRAVITY_EMPTY_RESPONSE_ATTEMPTS",
      becomes: "the number of `emptyWaits`, and one",
      sample: "ANTIGRAVITY_EMPTY_RESPONSE_ATTEMPTS=6",
    },
    {
      name: "ANTIGRAVITY_EMPTY_RESPONSE_RETRY_DELAY",
      becomes: "`emptyWaits`, in seconds",
      sample: "ANTIGRAVITY_EMPTY_RESPONSE_RETRY_DELAY=3",
    },
    {
      name: "ANTIGRAVITY_MALFORMED_CALL_RETRIES",
      becomes: "`callRetries`",
      sample: "ANTIGRAVITY_MALFORMED_CALL_RETRIES=2",
    },
    {
      name: "ANTIGRAVITY_MALFORMED_CALL_DELAY",
      becomes: "`callPause`, in seconds",
      sample: "ANTIGRAVITY_MALFORMED_CALL_DELAY=1",
    },
    {
      name: "ANTIGRAVITY_503_MAX_ATTEMPTS",
      becomes: "the number of `waits.capacityWaits`, and one",
      sample: "ANTIGRAVITY_503_MAX_ATTEMPTS=10",
    },
    {
      name: "ANTIGRAVITY_503_RETRY_DELAY",
      becomes: "`waits.capacityWaits`, in seconds",
      sample: "ANTIGRAVITY_503_RETRY_DELAY=5",
    },
    {
      name: "ANTIGRAVITY_PREPEND_INSTRUCTION",
      becomes: "`instruction`; false unless it is set",
      readBy: "plugins/antigravity/index.ts",
    },
    { name: "ANTIGRAVITY_CLAUDE_TOOL_FIX", ignored: "`claudeGuards` in the config says which measures are wanted" },
    { name: "ANTIGRAVITY_CLAUDE_THINKING_SANITIZATION", ignored: "history is always put right" },
    { name: "ANTIGRAVITY_INJECT_IDENTITY_OVERRIDE", ignored: looks },
    { name: "ANTIGRAVITY_USE_SHORT_PROMPTS", ignored: looks },
    ...both("ENABLE_SIGNATURE_CACHE", { ignored: seals }),
    ...both("PRESERVE_THOUGHT_SIGNATURES", { ignored: seals }),
    ...both("SIGNATURE_CACHE_TTL", { ignored: seals }),
    ...both("SIGNATURE_DISK_TTL", { ignored: seals }),
    { name: "GEMINI_CLI_UA_VERSION", ignored: looks },
    { name: "GEMINI_CLI_NODE_CLIENT_VERSION", ignored: looks },
    { name: "GEMINI_CLI_GL_NODE_VERSION", ignored: looks },
    { name: "GEMINI_CLI_PLATFORM_ARCH", ignored: looks },
    { name: "GEMINI_CLI_ACCEPT_ENCODING", ignored: looks },
  ],
};
