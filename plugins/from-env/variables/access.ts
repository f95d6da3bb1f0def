/** Who may call, and where the server and what it keeps are. */
import type { VariableGroup } from "./row.ts";

const user = "AUTH_MODE=user_token";
const page = "there is no page of one's own to fill yet";

export const access: VariableGroup = {
  title: "Who may call",
  variables: [
    {
      name: "PROXY_API_KEY",
      becomes: "`proxyKey()`: what clients show, several with commas",
      example: "PROXY_API_KEY=change-me",
      readBy: "plugins/proxy-key/index.ts",
    },
    {
      name: "PROXY_API_KEY_FILE",
      becomes: "`proxyKey()`: the file it names, read again when it changes",
      readBy: "plugins/proxy-key/index.ts",
    },
    { name: "ADMIN_KEY", becomes: "opens the administrator's routes, and nothing else", readBy: "src/proxy.ts" },
    {
      name: "AUTH_MODE",
      becomes: "`none`, `proxy_key`, or `user_token`: `users()`",
      example: "AUTH_MODE=proxy_key",
    },
    {
      name: "PROXY_PASSWORD",
      becomes: "`proxyKey({ keys })`, where `PROXY_API_KEY` is not set",
      example: "PROXY_PASSWORD=your-password-here",
    },
    { name: "GATEKEEPER", becomes: "as `AUTH_MODE`", example: "GATEKEEPER=proxy_key" },
    { name: "PROXY_KEY", becomes: "as `PROXY_PASSWORD`", example: "PROXY_KEY=your-key-here" },
    {
      name: "RATE_LIMIT_PER_MINUTE",
      becomes:
        "`users()`: requests per minute of a user; 0 = no limit. Where all share a key it would count per address, which it does not here",
      sample: "RATE_LIMIT_PER_MINUTE=60",
      beside: user,
    },
    {
      name: "TEXT_MODEL_RATE_LIMIT",
      becomes: "as `RATE_LIMIT_PER_MINUTE`",
      sample: "TEXT_MODEL_RATE_LIMIT=4",
      beside: user,
    },
    { name: "MODEL_RATE_LIMIT", becomes: "as `RATE_LIMIT_PER_MINUTE`", sample: "MODEL_RATE_LIMIT=4", beside: user },
    { name: "IMAGE_MODEL_RATE_LIMIT", ignored: "a user has one limit for all models; quotas are per family" },
    {
      name: "MAX_IPS_PER_USER",
      becomes: "`users()`: addresses of a user; 0 = any number",
      sample: "MAX_IPS_PER_USER=3",
      beside: user,
    },
    {
      name: "MAX_IPS_AUTO_BAN",
      becomes: "`users()`: whoever has more is disabled",
      sample: "MAX_IPS_AUTO_BAN=true",
      beside: user,
    },
    {
      name: "TOKEN_QUOTA_<FAMILY>",
      becomes:
        "`users()`: tokens of new users; the family is a provider, one of `TURBO`, `GPT4`, `GPT5`, `CLAUDE`, `GEMINI`, or a part of the names of its models",
      sample: "TOKEN_QUOTA_CLAUDE=1000000",
      beside: user,
    },
    {
      name: "QUOTA_REFRESH_PERIOD",
      becomes: "`users()`: when these begin anew: `hourly`, `daily` or a cron expression; never, where it is not set",
      sample: "QUOTA_REFRESH_PERIOD=daily",
      beside: "TOKEN_QUOTA_CLAUDE=1000000",
    },
    {
      name: "USER_CONCURRENCY_LIMIT",
      becomes: "`queue({ perUser })`: requests of one user that may wait",
      sample: "USER_CONCURRENCY_LIMIT=1",
    },
    {
      name: "QUEUE_MODE",
      becomes: "`queue()`, which is fair; `random` is taken for that, and `none` is no queue",
      sample: "QUEUE_MODE=fair",
    },
    { name: "IP_BLACKLIST", becomes: "`clientFilter({ block })`", sample: "IP_BLACKLIST=203.0.113.0/24" },
    { name: "ADMIN_WHITELIST", becomes: "`clientFilter({ adminAllow })`", sample: "ADMIN_WHITELIST=192.0.2.0/24" },
    { name: "TRUSTED_PROXIES", becomes: "`server.trustProxy`", sample: "TRUSTED_PROXIES=1" },
    { name: "BLOCKED_ORIGINS", becomes: "`clientFilter({ blockOrigins })`", sample: "BLOCKED_ORIGINS=example.com" },
    {
      name: "BLOCK_REDIRECT",
      becomes: "`clientFilter({ redirect })`",
      sample: "BLOCK_REDIRECT=https://example.com/",
      beside: "BLOCKED_ORIGINS=example.com",
    },
    {
      name: "REJECT_PHRASES",
      becomes: '`promptFilter({ patterns })`: regular expressions with commas between, in `"` where they hold one',
      sample: "REJECT_PHRASES=forbidden",
    },
    {
      name: "REJECT_MESSAGE",
      becomes: "`promptFilter({ message })`",
      sample: "REJECT_MESSAGE=This is not answered here.",
      beside: "REJECT_PHRASES=forbidden",
    },
    { name: "REJECT_DISALLOWED", ignored: "what `REJECT_PHRASES` names is refused, whatever else is set" },
    { name: "PROMPT_LOGGING", ignored: "prompts are not logged unless the config lists `requestLog()`" },
    { name: "PAGE_BODY", ignored: page },
    { name: "FLASK_SECRET_KEY", ignored: "there are no cookies of sessions to be signed with it" },
  ],
};

export const storage: VariableGroup = {
  title: "Server and storage",
  variables: [
    { name: "HOST", becomes: "`server.host`", example: "HOST=127.0.0.1", readBy: "src/cli/address.ts" },
    { name: "PORT", becomes: "`server.port`", example: "PORT=8000", readBy: "src/cli/address.ts" },
    { name: "HTTPS_PROXY", becomes: "the outbound proxy to addresses with `https:`", readBy: "src/transport/pools.ts" },
    { name: "HTTP_PROXY", becomes: "the outbound proxy to addresses with `http:`", readBy: "src/transport/pools.ts" },
    { name: "NO_PROXY", becomes: "hosts that are asked directly", readBy: "src/transport/pools.ts" },
    { name: "REDIS_URL", becomes: "`redis()`, where the config lists it", readBy: "plugins/redis/index.ts" },
    { name: "DATABASE_URL", becomes: "`postgres()`, where the config lists it", readBy: "plugins/postgres/index.ts" },
    {
      name: "WAYGATE_SECRET",
      becomes: "what addresses of clients are hashed with; else a file in `dataDir`",
      readBy: "src/people/instance-secret.ts",
    },
    {
      name: "WAYGATE_CREDENTIALS_KEY",
      becomes: "[encrypts accounts on the disk](accounts.md#encryption-at-rest)",
      readBy: "src/accounts/encryption.ts",
    },
    { name: "FIREBASE_URL", ignored: "users and usage are kept in SQLite, or in PostgreSQL with `postgres()`" },
    { name: "FIREBASE_CREDENTIALS_JSON", ignored: "as `FIREBASE_URL`" },
    {
      name: "MODEL_INFO_REFRESH_INTERVAL",
      ignored: "prices and sizes of models ship with waygate; nothing is fetched",
    },
  ],
};
