/** The commands: what help says of them, their options, and where they are. A command's file is loaded when it runs. */
import type { ParseArgsOptionsConfig } from "node:util";
import type { Terminal } from "./terminal.ts";

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
  models: {
    summary: "every model and alias with its context, its price and whether it can be asked now",
    usage: "[--provider PROVIDER] [--json] [--config FILE]",
    options: { provider: { type: "string" }, json, config },
    about: { "provider PROVIDER": "only what this one answers", json: aboutJson, "config FILE": aboutConfig },
    operands: [],
    load: async () => (await import("./show-models.ts")).showModels,
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
export const laterCommands: readonly string[] = [
  ...["new", "import", "connect", "simulate", "doctor", "usage", "users", "db", "login"],
  "credentials",
];

/** The value of an option that takes one. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}
