/** How keys are used, which models there are, how long and how often is tried. */
import type { VariableGroup } from "./row.ts";

const caps =
  "names of models and plans cannot be written in a variable; `limits({ rules: [{ provider, priority, models, rpd }] })` in the config";
const cycle = "`limits({ fairCycle })` in the config, which holds for all providers";

export const use: VariableGroup = {
  title: "Which key",
  variables: [
    {
      name: "ROTATION_MODE_<PROVIDER>",
      becomes: "`rotate({ providers: { … } })`: `balanced` or `sequential`",
      example: "ROTATION_MODE_OPENAI=sequential",
    },
    { name: "ROTATION_TOLERANCE", becomes: "`rotate({ tolerance })`", example: "ROTATION_TOLERANCE=3.0" },
    {
      name: "MAX_CONCURRENT_REQUESTS_PER_KEY_<PROVIDER>",
      becomes: "`concurrency({ providers: { … } })`: `perCredential`; 1 unless it is set, 0 or less for no limit",
      example: "MAX_CONCURRENT_REQUESTS_PER_KEY_OPENAI=3",
    },
    {
      name: "MAX_CONCURRENT_REQUESTS_PER_KEY_<PROVIDER>_<MODE>",
      becomes: "the same, for that rotation mode",
      sample: "MAX_CONCURRENT_REQUESTS_PER_KEY_OPENAI_BALANCED=4",
    },
    {
      name: "OPTIMAL_CONCURRENT_REQUESTS_PER_KEY_<PROVIDER>",
      becomes: "`optimal`: keys with fewer come first",
      example: "OPTIMAL_CONCURRENT_REQUESTS_PER_KEY_OPENAI=1",
    },
    {
      name: "OPTIMAL_CONCURRENT_REQUESTS_PER_KEY_<PROVIDER>_<MODE>",
      becomes: "the same, for that rotation mode",
      sample: "OPTIMAL_CONCURRENT_REQUESTS_PER_KEY_OPENAI_BALANCED=2",
    },
    {
      name: "CONCURRENCY_MULTIPLIER_<PROVIDER>_PRIORITY_<N>",
      becomes: "`multipliers`, by the priority of a key or the plan of an account",
      example: "CONCURRENCY_MULTIPLIER_OPENAI_PRIORITY_1=2",
    },
    {
      name: "CONCURRENCY_MULTIPLIER_<PROVIDER>_PRIORITY_<N>_<MODE>",
      becomes: "the same, for that rotation mode",
      sample: "CONCURRENCY_MULTIPLIER_OPENAI_PRIORITY_1_BALANCED=3",
    },
    {
      name: "QUOTA_GROUPS_<PROVIDER>_<GROUP>",
      becomes: "`quotaGroups()`: models with commas; an empty one takes a provider's own group away",
      example: "QUOTA_GROUPS_OPENAI_SMALL=gpt-5-mini,gpt-5-nano",
    },
    { name: "FAIR_CYCLE_<PROVIDER>", ignored: cycle },
    { name: "FAIR_CYCLE_ENABLED_<PROVIDER>", ignored: cycle },
    { name: "FAIR_CYCLE_CROSS_TIER_<PROVIDER>", ignored: "`limits({ fairCycle: { together } })` in the config" },
    { name: "EXHAUSTION_COOLDOWN_THRESHOLD", ignored: "`limits({ fairCycle: { rest } })` in the config" },
    { name: "EXHAUSTION_COOLDOWN_THRESHOLD_<PROVIDER>", ignored: "as `EXHAUSTION_COOLDOWN_THRESHOLD`" },
    { name: "CUSTOM_CAP_<CAP>", ignored: caps },
    { name: "CUSTOM_CAP_COOLDOWN_<CAP>", ignored: caps },
  ],
};

export const models: VariableGroup = {
  title: "Models and requests",
  variables: [
    {
      name: "IGNORE_MODELS_<PROVIDER>",
      becomes: "`modelFilter()`: `ignore`; holds for the list and for requests",
      example: "IGNORE_MODELS_OPENAI=*-preview*",
    },
    {
      name: "WHITELIST_MODELS_<PROVIDER>",
      becomes: "`modelFilter()`: `allow`, which goes before",
      example: "WHITELIST_MODELS_OPENAI=gpt-5",
    },
    {
      name: "OVERRIDE_TEMPERATURE_ZERO",
      becomes: "`temperatureZero({ mode })`: `remove`, or `set` to 1",
      example: "OVERRIDE_TEMPERATURE_ZERO=remove",
    },
    {
      name: "MAX_CONTEXT_TOKENS_<PROVIDER>",
      becomes: "`requestCaps({ input })`; 0 = no limit",
      sample: "MAX_CONTEXT_TOKENS_OPENAI=16384",
    },
    {
      name: "MAX_OUTPUT_TOKENS_<PROVIDER>",
      becomes: "`requestCaps({ output })`; 0 = no limit",
      sample: "MAX_OUTPUT_TOKENS_OPENAI=400",
    },
    { name: "TURBO_ONLY", ignored: "`modelFilter()` in the config" },
    {
      name: "STREAM_RETRY_ON_REASONING_ONLY",
      ignored:
        "what a client has seen is never sent twice; `wholeAnswer()` and `continuation()` help where streams break",
    },
  ],
};

export const times: VariableGroup = {
  title: "Times and tries",
  variables: [
    { name: "GLOBAL_TIMEOUT", becomes: "`retry.deadline`, in seconds", example: "GLOBAL_TIMEOUT=300" },
    { name: "MAX_RETRIES", becomes: "`retry.attempts`", example: "MAX_RETRIES=3" },
    {
      name: "SMALL_COOLDOWN_RETRY_THRESHOLD",
      becomes: "`retry.shortWait`, in seconds",
      example: "SMALL_COOLDOWN_RETRY_THRESHOLD=10",
    },
    { name: "TIMEOUT_CONNECT", becomes: "`timeouts.connect`, in seconds", example: "TIMEOUT_CONNECT=30" },
    { name: "TIMEOUT_POOL", becomes: "`retry.queueWait`, in seconds", example: "TIMEOUT_POOL=60" },
    {
      name: "TIMEOUT_READ_STREAMING",
      becomes: "`timeouts.idle`, in seconds; where it is longer than theirs, `headers` and `firstToken` too",
      example: "TIMEOUT_READ_STREAMING=360",
    },
    {
      name: "TIMEOUT_READ_NON_STREAMING",
      becomes: "`timeouts.whole`, in seconds",
      example: "TIMEOUT_READ_NON_STREAMING=600",
    },
    {
      name: "TIMEOUT_WRITE",
      ignored: "sending the request counts as waiting for its answer: `timeouts.headers` and `timeouts.whole`",
    },
    { name: "TRANSIENT_RETRY_DELAY", ignored: "a key is asked once more at once, then the next one is" },
    { name: "TRANSIENT_RETRY_JITTER", ignored: "as `TRANSIENT_RETRY_DELAY`" },
  ],
};
