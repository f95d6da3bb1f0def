/** The commands: what help says of them, their options, and where they are. A command's file is loaded when it runs. */
import type { ParseArgsOptionsConfig } from "node:util";
import { aboutSimulate, simulateOptions } from "./simulate-options.ts";
import type { Terminal } from "./terminal.ts";
import { usersCommand } from "./users-options.ts";

/** Values by option name, as `parseArgs` returns them. */
export interface Values {
  readonly [option: string]: string | boolean | (string | boolean)[] | undefined;
}

export interface Call {
  readonly terminal: Terminal;
  readonly values: Values;
  readonly operands: readonly string[];
}

export interface Command {
  readonly summary: string;
  /** After the command's name. */
  readonly usage: string;
  readonly options: ParseArgsOptionsConfig;
  /** What help says of each option. */
  readonly about: { readonly [option: string]: string };
  /** Names of what must follow, in order; nothing else may. */
  readonly operands: readonly string[];
  /** Names of what may follow behind these: all of it, or nothing. */
  readonly optional?: readonly string[];
  /** The command itself says what may follow. */
  readonly free?: boolean;
  /** Resolves with the command's function, which resolves with the exit code. */
  load(): Promise<(call: Call) => Promise<number>>;
}

export const globalOptions: ParseArgsOptionsConfig = {
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
  color: { type: "boolean" },
  ascii: { type: "boolean" },
  verbose: { type: "boolean" },
};

export const aboutGlobal: { readonly [option: string]: string } = {
  help: "this text",
  version: "the version",
  "no-color": "no colours; NO_COLOR=1 does the same",
  ascii: "only ASCII characters",
  verbose: "stacks of errors",
};

const config = { type: "string" } as const;
const aboutConfig = "another file than the nearest proxy.config.ts";
const json = { type: "boolean" } as const;
const aboutJson = "one JSON document on stdout";

const loginOptions = {
  account: { type: "string" },
  port: { type: "string" },
  browser: { type: "boolean" },
  paste: { type: "boolean" },
} as const;
const aboutLogin = {
  "account NAME": "the account to renew, or the name of a new one's file",
  "port PORT": "of the callback, in place of the provider's usual one; 0 takes a free one",
  "no-browser": "only prints the address",
  paste: "the address you end up at is pasted, or piped into stdin: for machines without a browser",
};

export const commands: { readonly [name: string]: Command } = {
  start: {
    summary: "serve",
    usage: "[--host HOST] [--port PORT] [--config FILE] [--watch] [--no-log-requests]",
    options: {
      host: { type: "string" },
      port: { type: "string" },
      config,
      watch: { type: "boolean" },
      "log-requests": { type: "boolean" },
      "enable-request-logging": { type: "boolean" },
    },
    about: {
      "host HOST": "over HOST in the environment and server.host",
      "port PORT": "over PORT in the environment and server.port; 0 takes a free one",
      "config FILE": aboutConfig,
      watch: "reload when the config, its imports or .env change",
      "log-requests": "one line per request, or with --no-log-requests none",
      "enable-request-logging": "whole requests and answers too, in a folder each, as requestLog() writes them",
    },
    operands: [],
    load: async () => (await import("./start.ts")).start,
  },
  check: {
    summary: "load the config, show what runs in which order, and end",
    usage: "[--live] [--json] [--config FILE]",
    options: { live: { type: "boolean" }, json, config },
    about: { live: "ask every provider with every key", json: aboutJson, "config FILE": aboutConfig },
    operands: [],
    load: async () => (await import("./check.ts")).check,
  },
  explain: {
    summary: "which keys a model's name leads to, in which order and why",
    usage: "MODEL [--json] [--config FILE]",
    options: { json, config },
    about: { json: aboutJson, "config FILE": aboutConfig },
    operands: ["MODEL"],
    load: async () => (await import("./explain.ts")).explain,
  },
  simulate: {
    summary: "what days of traffic would do to the keys, and what if; asks nobody",
    usage: "[--rate N/d] [--duration 7d] [--from FILE] [--add PROVIDER:N] [--swap 2,3] [--without PROVIDER[/KEY]] …",
    options: { ...simulateOptions, json, config },
    about: { ...aboutSimulate, json: aboutJson, "config FILE": aboutConfig },
    operands: [],
    load: async () => (await import("./simulate.ts")).simulate,
  },
  keys: {
    summary: "every key with its state, as the running server knows it; or enable, disable, probe one",
    usage: "[enable|disable|probe KEY] [--provider PROVIDER] [--state STATE] [--reason TEXT] [--json] [--config FILE]",
    options: {
      provider: { type: "string" },
      state: { type: "string" },
      reason: { type: "string" },
      json,
      config,
    },
    about: {
      "provider PROVIDER": "only keys of this one",
      "state STATE": "only keys in this state; need-you stands for those that somebody must see to",
      "reason TEXT": "why a key is disabled, for whoever looks later",
      json: aboutJson,
      "config FILE": aboutConfig,
    },
    operands: [],
    optional: ["ACT", "KEY"],
    load: async () => (await import("./show-keys.ts")).showKeys,
  },
  login: {
    summary: "sign in to an account of a provider",
    usage: "[PROVIDER] [--account NAME] [--port PORT] [--no-browser] [--paste] [--json] [--config FILE]",
    options: { ...loginOptions, json, config },
    about: { ...aboutLogin, json: aboutJson, "config FILE": aboutConfig },
    operands: [],
    free: true,
    load: async () => (await import("./login.ts")).login,
  },
  credentials: {
    summary: "keys and accounts: list, add, remove, import, export, check",
    usage: "[list|add|remove|import|export|check] [PROVIDER] [NAME|FILE] [OPTIONS]",
    options: {
      ...loginOptions,
      key: { type: "string" },
      "base-url": { type: "string" },
      state: { type: "string" },
      yes: { type: "boolean" },
      all: { type: "boolean" },
      replace: { type: "boolean" },
      combine: { type: "boolean" },
      out: { type: "string" },
      force: { type: "boolean" },
      "add-credential": { type: "boolean" },
      json,
      config,
    },
    about: {
      "key KEY": "add: an API key for .env; - reads it from stdin, which keeps it out of the shell's history",
      "base-url URL": "add: of an OpenAI-compatible provider of your own",
      ...aboutLogin,
      "state STATE": "list, check: only those in this state; need-you stands for those that somebody must see to",
      yes: "remove, import: without a question",
      all: "import: everything new that is found in the places of other tools",
      replace: "import: also over tokens that last longer",
      combine: "export: one file for all accounts",
      "out FOLDER": "export: in place of the working folder; - prints the variables",
      force: "export: over files that are no exports",
      json: aboutJson,
      "config FILE": aboutConfig,
    },
    operands: [],
    free: true,
    load: async () => (await import("./credentials.ts")).credentials,
  },
  models: {
    summary: "every model and alias with its context, its price and whether it can be asked now",
    usage: "[--provider PROVIDER] [--json] [--config FILE]",
    options: { provider: { type: "string" }, json, config },
    about: { "provider PROVIDER": "only what this one answers", json: aboutJson, "config FILE": aboutConfig },
    operands: [],
    load: async () => (await import("./show-models.ts")).showModels,
  },
  usage: {
    summary: "requests, tokens, cost and failures by day, model, user …, or the ledger's rows into a file",
    usage: "[--last 7d] [--by day] [--user ID] [--provider PROVIDER] [--export FILE] [--json] [--config FILE]",
    options: {
      last: { type: "string" },
      by: { type: "string" },
      user: { type: "string" },
      provider: { type: "string" },
      zone: { type: "string" },
      export: { type: "string" },
      json,
      config,
    },
    about: {
      "last SPAN": "as 24h, 7d or 4w. Default 7d",
      "by WHAT": "hour, day, provider, model, user, group or key. Default day",
      "user ID": "only this user's",
      "provider PROVIDER": "only of this one",
      "zone ZONE": "of days, as Europe/Berlin. Default: this machine's",
      "export FILE": "one request per line, as .csv or .jsonl; - is stdout",
      json: aboutJson,
      "config FILE": aboutConfig,
    },
    operands: [],
    load: async () => (await import("./usage.ts")).usage,
  },
  users: {
    ...usersCommand,
    options: { ...usersCommand.options, json, config },
    about: { ...usersCommand.about, json: aboutJson, "config FILE": aboutConfig },
    load: async () => (await import("./users.ts")).users,
  },
  db: {
    summary: "the database: export it to a file, import one into another database, or back it up while it is used",
    usage: "export|import|backup FILE [--json] [--config FILE]",
    options: { json, config },
    about: { json: aboutJson, "config FILE": aboutConfig },
    operands: ["ACT", "FILE"],
    load: async () => (await import("./db.ts")).db,
  },
  init: {
    summary: "write proxy.config.ts and .env here",
    usage: "[--force]",
    options: { force: { type: "boolean" } },
    about: { force: "overwrite proxy.config.ts, and PROXY_API_KEY in .env" },
    operands: [],
    load: async () => (await import("./init.ts")).init,
  },
};

/** Named in the documentation, and not there yet. */
export const laterCommands: readonly string[] = ["new", "import", "connect", "doctor"];

/** The value of an option that takes one. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}
