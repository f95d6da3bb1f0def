/** Who may call, and where the server and what it keeps are. */
import type { VariableGroup } from "./row.ts";

const users = "it belongs to `users()`, which is told in the config";
const prompts = "it belongs to `promptFilter()`, which is told in the config";
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
      becomes: "`none`, `proxy_key`, or `user_token`, with which the config must list `users()`",
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
      ignored:
        "it counts per address where all share a key, and `limits({ client: { rpm } })` counts per key; " + users,
    },
    { name: "TEXT_MODEL_RATE_LIMIT", ignored: "as `RATE_LIMIT_PER_MINUTE`" },
    { name: "IMAGE_MODEL_RATE_LIMIT", ignored: "as `RATE_LIMIT_PER_MINUTE`" },
    { name: "MODEL_RATE_LIMIT", ignored: "as `RATE_LIMIT_PER_MINUTE`" },
    { name: "MAX_IPS_PER_USER", ignored: users },
    { name: "MAX_IPS_AUTO_BAN", ignored: users },
    { name: "TOKEN_QUOTA_<FAMILY>", ignored: users },
    { name: "USER_CONCURRENCY_LIMIT", ignored: "it belongs to a queue per user, which there is not yet" },
    {
      name: "QUEUE_MODE",
      ignored: "requests wait in the order in which they came",
    },
    { name: "IP_BLACKLIST", ignored: prompts },
    {
      name: "ADMIN_WHITELIST",
      ignored: "administrators show `ADMIN_KEY`; what is in front of the proxy can filter addresses",
    },
    { name: "TRUSTED_PROXIES", ignored: "`server.trustProxy` in the config" },
    { name: "BLOCKED_ORIGINS", ignored: prompts },
    { name: "BLOCK_REDIRECT", ignored: prompts },
    { name: "REJECT_PHRASES", ignored: prompts },
    { name: "REJECT_MESSAGE", ignored: prompts },
    { name: "REJECT_DISALLOWED", ignored: prompts },
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
