/** The JSON Schema of a config in JSON or YAML, from the rules the loader checks by and the options of the plugins. */
import { readdirSync } from "node:fs";
import { defaultAt } from "../src/config/defaults.ts";
import type { JsonSchema } from "../src/config/json-schema.ts";
import { rules } from "../src/config/rules.ts";
import type {
  AnyConfig,
  CorsConfig,
  DatabaseConfig,
  LogConfig,
  RetryConfig,
  ServerConfig,
} from "../src/config/types.ts";
import type { ErrorRule } from "../src/failure/own-rules.ts";
import type { Timeouts } from "../src/plugin/provider.ts";
import { pluginArguments, providerOptions } from "./schema.plugins.ts";
import { schemaOf } from "./schema.rules.ts";

type Inner<Key extends string, T> = `${Key}.${keyof T & string}`;
type Path =
  | Exclude<keyof AnyConfig, "plugins" | "models" | "state">
  | Inner<"server", ServerConfig>
  | Inner<"server.cors", CorsConfig>
  | Inner<"server.tls", NonNullable<ServerConfig["tls"]>>
  | Inner<"retry", RetryConfig>
  | Inner<"timeouts", Timeouts>
  | Inner<"errors", ErrorRule>
  | Inner<"database", DatabaseConfig>
  | Inner<"log", LogConfig>;

const descriptions: { readonly [P in Path]: string } = {
  server: "Where and for whom the proxy listens.",
  "server.host": "A public host without authentication does not start.",
  "server.port": "0 takes a free one.",
  "server.maxBody": "Bytes of a request body at most.",
  "server.cors": "Default: any origin without credentials on /v1* when an auth plugin is on, else off.",
  "server.cors.origins": 'Origins that may call from a browser, or "*".',
  "server.allowedHosts": "Host names answered although no auth plugin is on; loopback names always are.",
  "server.drain": "Milliseconds that requests under way have to end when the server does.",
  "server.keepAlive": "Milliseconds between signs of life in a stream that has not begun yet; 0 = none.",
  "server.trustProxy": "How many proxies in front may be believed about X-Forwarded-For, or their addresses.",
  "server.tls": "Files of the certificate.",
  "server.tls.cert": "File of the certificate.",
  "server.tls.key": "File of its private key.",
  "server.tls.passphrase": "Of the private key.",
  retry: "What is tried after a failure.",
  "retry.attempts": "Calls per request at most, all candidates together.",
  "retry.sameCredential": "Extra calls of the same credential per candidate.",
  "retry.shortWait": "Milliseconds up to which waiting for the same credential beats failing.",
  "retry.deadline": "Milliseconds after which no attempt is started.",
  "retry.queueWait": "Milliseconds to wait for a credential that is busy or at a limit.",
  "retry.queueSize": "Requests that may wait for one at a time; more are refused at once.",
  timeouts: "Milliseconds; 0 = off. A provider may have its own.",
  "timeouts.connect": "Until the connection is up.",
  "timeouts.headers": "Until the response's headers, when the answer is streamed.",
  "timeouts.whole": "Until the response's headers, when the answer comes whole.",
  "timeouts.firstToken": "Until the first content of a stream.",
  "timeouts.idle": "Between two pieces of a body.",
  "timeouts.total": "From the start of the attempt to its end.",
  errors: "What failures mean, before what providers and the core say of them. The first rule that fits decides.",
  "errors.status": 'The status: 429, "5xx", "500-503", or a list. Absent: every failure.',
  "errors.match": 'A part of the answer in whatever case, or a pattern like "/per day/i". Only 8 KiB are read.',
  "errors.provider": "A provider's id.",
  "errors.model": "A glob over the model's name.",
  "errors.then": "What to do, or which kind of failure it is.",
  "errors.scope": "What rests; with request nothing does.",
  "errors.cooldown": 'How long that rests: milliseconds, or a time like "60s". 0 = not at all.',
  base: "Path prefix that the host did not strip.",
  strict: "A loss in translation is a 400.",
  dataDir: "Folder for what must be kept, opened only when something needs it.",
  database: "The database, or false for none. Default: waygate.db in dataDir, when a plugin or proxy start asks.",
  "database.path": "The SQLite file, relative to the folder of the config.",
  log: "What is logged.",
  "log.level": "The least important that is logged.",
  "log.requests": "One line per request.",
};

/** Folders of first-party plugins. */
export const folders: readonly string[] = readdirSync(new URL("../plugins/", import.meta.url)).toSorted();

export function buildSchema(): object {
  const notes = {
    description: (path: string) => Object.entries(descriptions).find(([known]) => known === path)?.[1],
    standard: defaultAt,
  };
  const specifiers = folders.map((folder) => `waygate/plugins/${folder}`);
  const tuples = folders.map((folder): JsonSchema => {
    const given = pluginArguments[folder] ?? [{ $ref: "#/definitions/provider" }];
    const items: JsonSchema[] = [{ const: `waygate/plugins/${folder}` }, ...given];
    return { type: "array", items, additionalItems: false, minItems: 1 };
  });
  // Whatever else may be installed. Without the pattern it would let pass wrong options of the plugins above.
  const foreign: JsonSchema = {
    type: "array",
    items: [{ type: "string", pattern: "^(?!waygate/)" }],
    minItems: 1,
  };
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "waygate config",
    type: "object",
    required: ["plugins"],
    additionalProperties: false,
    properties: {
      $schema: { type: "string" },
      plugins: {
        description: "Only what is listed is active: the module of a plugin, or a list of the module and its options.",
        type: "array",
        items: {
          anyOf: [
            { enum: specifiers },
            { type: "string", pattern: "^(?!waygate/)" },
            ...tuples,
            foreign,
            { enum: [false, null] },
          ],
        },
      },
      models: {
        description: "Public names, each tried left to right unless a policy says otherwise. May hold one *.",
        type: "object",
        additionalProperties: {
          anyOf: [{ type: "string" }, { type: "array", items: { type: "string" }, minItems: 1 }],
        },
      },
      ...Object.fromEntries(Object.entries(rules).map(([key, rule]) => [key, schemaOf(rule, notes, [key])])),
    },
    definitions: { provider: providerOptions },
  };
}

/** The very text of `schema.json`. */
export function schemaText(): string {
  return `${JSON.stringify(buildSchema(), undefined, 2)}\n`;
}
