/** What to do about each code, for the docs. A public code without a line here does not compile. */
import type { PublicCode } from "../src/failure/table.ts";

export const publicFixes: { readonly [Code in PublicCode]: string } = {
  invalid_json: "Send JSON in UTF-8; the message names the place of the fault.",
  invalid_request: "Correct the field in `param`. The words are the provider's own when it refused the request.",
  unsupported_feature: "Leave the field out, or ask a model that has the feature.",
  previous_response_not_found:
    "Send the whole conversation instead of `previous_response_id`, or ask the model that gave the answer.",
  prompt_rejected: "Change the prompt, or the plugin that refuses it.",
  context_length_exceeded: "Shorten the prompt, or list a model with a longer context behind it in an alias.",
  token_limit_exceeded: "Ask for fewer tokens; the message says how many there may be.",
  content_filter: "Change the prompt; other keys of the provider would refuse it as well.",
  invalid_api_key: "Send `PROXY_API_KEY` as `Authorization: Bearer …` or `x-api-key`. A key of a provider will not do.",
  token_expired: "Get a new token from whoever gave you this one.",
  user_disabled: "Ask whoever runs the proxy.",
  ip_not_allowed:
    "Call from an address that is allowed, or set `server.trustProxy` when another proxy stands in front.",
  blocked_origin: "Call from somewhere else, or change `blockOrigins` of `clientFilter()`.",
  model_not_allowed:
    "Ask for a model of `GET /v1/models`, or change the plugin that limits it, such as `modelFilter()`.",
  forbidden:
    "Without an auth plugin only this machine may call: add `proxyKey()`, or name the host in `server.allowedHosts`. Routes for administrators need an administrator's key.",
  not_found: "Check the path and `base`; OpenAI's routes are below `/v1`.",
  model_not_found:
    "Use a name of `GET /v1/models`; the message has the nearest ones. `proxy explain MODEL` says what a name stands for.",
  method_not_allowed: "Use a method that the `Allow` header names.",
  edit_conflict: "Read it again, and repeat the edit with the version that is there now.",
  request_too_large: "Send less, or raise `server.maxBody`.",
  rate_limit_exceeded: "Wait for `Retry-After`, or add keys or a fallback.",
  quota_exceeded: "Wait for `Retry-After`, or add keys or a fallback.",
  queue_full:
    "Try again soon, add keys or raise `concurrency`; `retry.queueSize` lets more requests wait, `retry.queueWait` longer.",
  client_closed_request: "Nothing. If clients leave often, look at their timeouts.",
  internal_error: "Look for the request's id in the log, and report what is there.",
  upstream_error: "Look at `error.details.attempts`. Add a second provider in an alias, or `tiers()`.",
  all_credentials_exhausted:
    "`GET /health` shows the keys by state: replace refused ones, top up the account, or add a provider.",
  database_unavailable:
    'Add `database: { path: ".waygate/waygate.db" }` to the config; where there is one, `GET /health` says what is wrong with it.',
  shutting_down: "Try again; the proxy comes back, or another one answers.",
  deadline_exceeded: "Raise `retry.deadline`, or lower the `timeouts` so that a slow provider is given up sooner.",
};

interface CommandCode {
  /** The exit code, or that it is a warning. */
  readonly exit: string;
  readonly meaning: string;
  readonly fix: string;
}

export const commandCodes: { readonly [code: string]: CommandCode } = {
  config_not_found: {
    exit: "1",
    meaning: "The file named with `--config` is not there.",
    fix: "Check the path, or let `proxy init` write one.",
  },
  config_exists: {
    exit: "1",
    meaning: "`proxy init` found a config and wrote nothing.",
    fix: "Keep it, or `proxy init --force`.",
  },
  config_syntax: {
    exit: "1",
    meaning: "The file is not valid in its language.",
    fix: "Correct it at or just before the place named.",
  },
  config_import: {
    exit: "1",
    meaning: "An import cannot be found, or does not export that name.",
    fix: "Check the name; install the package if it is not part of waygate.",
  },
  config_failed: {
    exit: "1",
    meaning: "The config, or the `.env` beside it, could not be read or threw an error.",
    fix: "Correct the line named; `--verbose` shows the stack.",
  },
  config_invalid: {
    exit: "1, or a warning",
    meaning: "A key, a value, an alias, an address or an API key is not one.",
    fix: "Do what the line after `fix` says; it has the nearest name that would do.",
  },
  auth_required: {
    exit: "1",
    meaning: "A public host without authentication does not start.",
    fix: "Set `PROXY_API_KEY` and list `proxyKey()`, or listen on `127.0.0.1`.",
  },
  port_in_use: {
    exit: "1",
    meaning: "Another program listens there.",
    fix: "Stop it, or `--port` another.",
  },
  port_forbidden: {
    exit: "1",
    meaning: "The system keeps that port for its administrator.",
    fix: "Take a port from 1024 on.",
  },
  host_unknown: {
    exit: "1",
    meaning: "The host is no address of this machine.",
    fix: "`--host 127.0.0.1`, or `0.0.0.0` for all.",
  },
  data_dir_readonly: {
    exit: "warning",
    meaning:
      "The folder `dataDir` cannot be written; commands that ask the running server do not find it, and a restart forgets what rests.",
    fix: "Let the user who starts it write there, or set `dataDir`.",
  },
  schema_newer: {
    exit: "1",
    meaning: "The database was written by a later version of waygate. It stays as it is.",
    fix: "Use the version named, or set `database: { path }` to another file.",
  },
  database_foreign: {
    exit: "1",
    meaning: "The file named as the database belongs to another program. It stays as it is.",
    fix: "Set `database: { path }` to a file of its own.",
  },
  database_set_aside: {
    exit: "warning",
    meaning: "The database was damaged. It is kept under another name, and a new one has been made.",
    fix: "Nothing; what rested and what was counted begins anew.",
  },
  database_failed: {
    exit: "warning",
    meaning: "The database cannot be written: a full disk, a lock, a fault of the disk. The proxy goes on in memory.",
    fix: "Do what the message says; once it can be written again all that is known is saved.",
  },
  no_server: {
    exit: "1",
    meaning: "Something was to be done to a key, and no server runs with this config.",
    fix: "`proxy start`, in the same folder or with the same `--config`.",
  },
  account_broken: {
    exit: "1, or a warning",
    meaning:
      "The file of an account is cut off, unreadable, encrypted with another key, or no account. It stays as it is.",
    fix: "Put a copy back, set the key, or move it away and sign in again: `proxy login PROVIDER`.",
  },
  account_foreign: {
    exit: "1",
    meaning: "The file holds an account of another provider, or none.",
    fix: "Name the provider whose account it is.",
  },
  account_gone: {
    exit: "1",
    meaning: "There is no such account or file, or it was removed meanwhile.",
    fix: "`proxy credentials list`; `proxy login PROVIDER` for a new one.",
  },
  account_in_environment: {
    exit: "1",
    meaning: "Accounts in variables cannot be removed by a command.",
    fix: "Remove the variables from `.env` or from the settings of the host.",
  },
  account_locked: {
    exit: "1, or a refresh that is tried again",
    meaning: "Another living process has held the account's lock for two minutes.",
    fix: "Wait for it or end it.",
  },
  account_unsaved: {
    exit: "1",
    meaning: "A folder or `.env` cannot be written to. `proxy login` says so before anybody signs in.",
    fix: "Let this user write there, or set `dataDir`; on a host without a disk, accounts come from [variables](accounts.md#hosts-without-a-disk).",
  },
  export_exists: {
    exit: "1",
    meaning: "A file that is no export of waygate has the name of one. It stays as it is.",
    fix: "`--out` another folder, or `--force`.",
  },
  key_elsewhere: {
    exit: "1",
    meaning: "A key was to be removed that does not stand in `.env`.",
    fix: "Remove it where it stands; `proxy keys disable KEY` leaves it unused.",
  },
  recording_invalid: {
    exit: "1",
    meaning: "The file behind `proxy simulate --from` cannot be read, or a line of it is no request.",
    fix: "Correct the line named; [Simulate](simulate.md) has the fields.",
  },
  wrong_use: {
    exit: "2",
    meaning: "A command, an option or its value is unknown.",
    fix: "`proxy COMMAND --help`; the message has the nearest word.",
  },
  not_available_yet: {
    exit: "1 or 2",
    meaning: "Planned, and not in this version.",
    fix: "Do without it; the changelog says when it comes.",
  },
  no_rotation: {
    exit: "warning",
    meaning: "A provider has several keys and nothing spreads the load over them.",
    fix: "Add `resilience()` or `rotate()`.",
  },
  no_limits: {
    exit: "warning",
    meaning: "A key or a provider states `limits`, and nothing counts them.",
    fix: "Add `resilience()` or `limits()`.",
  },
  model_unlisted: {
    exit: "warning",
    meaning: "The target of an alias is not in the list of models its provider states.",
    fix: "Check the name, or add it to `models` of the provider; requests are sent all the same.",
  },
};
