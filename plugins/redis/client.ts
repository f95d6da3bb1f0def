/** The client library, loaded when a store is opened: who keeps state in memory need not have it. */
import type { RedisClientOptions } from "@redis/client";
import { ConfigError } from "waygate";
import { type Address, withoutSecrets } from "./address.ts";

/** What is used of the library; the same in its versions 5 and 6. */
export interface Client {
  readonly isReady: boolean;
  sendCommand(command: readonly string[]): Promise<unknown>;
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "ready", listener: () => void): unknown;
}

/** Milliseconds until a connection is given up. */
const CONNECT = 2000;
/** Milliseconds without a byte after which a connection is dead; there is a question every half second. */
const SILENCE = 5000;
/** Milliseconds between two tries at most. */
const RETRY = 500;

/** Rejects with a `ConfigError` that says what to install. */
export async function createClient(address: Address): Promise<Client> {
  const library = await import("@redis/client").catch((error: unknown) => {
    throw isMissing(error) ? notInstalled() : error;
  });
  const options: RedisClientOptions<Record<never, never>, Record<never, never>, Record<never, never>, 2> = {
    url: address.url,
    RESP: 2,
    // Nothing is kept for later: what cannot be asked now is decided here.
    disableOfflineQueue: true,
    commandsQueueMaxLength: 10_000,
    maintNotifications: "disabled",
    socket: {
      connectTimeout: CONNECT,
      socketTimeout: SILENCE,
      reconnectStrategy: (retries) => Math.min(25 * 2 ** Math.min(retries, 10), RETRY),
    },
  };
  return library.createClient(options);
}

/** Of an error that time does not heal, what a person has to do. */
export function hopeless(error: Error, address: Address): ConfigError | undefined {
  if (!/^(?:WRONGPASS|NOAUTH|NOPERM|ERR (?:invalid password|AUTH|Client sent AUTH|DB index))/i.test(error.message)) {
    return undefined;
  }
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "redis", "url"],
      what: `redis: ${address.shown} does not let us in`,
      why: `It says: ${withoutSecrets(error.message, address)}`,
      fix: "Put the right user, password and number of the database into the url: redis://user:password@host:6379/0.",
    },
  ]);
}

function isMissing(error: unknown): boolean {
  const { code, message = "" } = error as { readonly code?: unknown; readonly message?: string };
  return code === "ERR_MODULE_NOT_FOUND" && message.includes("@redis/client");
}

function notInstalled(): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "redis"],
      what: "redis: the client library is not installed",
      why: "The package @redis/client cannot be found from here; waygate does not bring it along.",
      fix: "Run: npm install @redis/client",
    },
  ]);
}
