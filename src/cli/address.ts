/** Where to listen, who said so, and what is wrong when it cannot be done. */
import { ConfigError, type ConfigProblem } from "../config/problem.ts";
import { defaults } from "../config/defaults.ts";
import type { Config } from "../config/types.ts";

interface Setting<T> {
  readonly value: T;
  /** `--port`, `PORT`, `server.port` or `server.port, default`. */
  readonly from: string;
}

export interface Address {
  readonly host: Setting<string>;
  readonly port: Setting<number>;
}

export interface AddressInit {
  readonly flags: { readonly host?: string; readonly port?: string };
  readonly env: NodeJS.ProcessEnv;
  readonly server: Config["server"];
}

/** Flags over the environment over the config. Throws a `ConfigError` for a port that is none, with the code
 * `wrong_use` when it was a flag. */
export function addressOf({ flags, env, server }: AddressInit): Address {
  const port = flags.port ?? (env["PORT"] || undefined);
  const host = flags.host ?? (env["HOST"] || undefined);
  const isFlag = flags.port !== undefined;
  return {
    host:
      host === undefined
        ? configured("host", server?.host)
        : { value: host, from: flags.host === undefined ? "HOST" : "--host" },
    port:
      port === undefined
        ? configured("port", server?.port)
        : { value: portNumber(port, isFlag ? "--port" : "PORT"), from: isFlag ? "--port" : "PORT" },
  };
}

function configured<Key extends "host" | "port">(
  key: Key,
  value: (typeof defaults.server)[Key] | undefined,
): Setting<(typeof defaults.server)[Key]> {
  return value === undefined
    ? { value: defaults.server[key], from: `server.${key}, default` }
    : { value, from: `server.${key}` };
}

function portNumber(text: string, from: string): number {
  const number = Number(text);
  if (/^\d{1,5}$/.test(text) && number <= 65_535) return number;
  const why = `${from} is ${JSON.stringify(text)}.`;
  throw new ConfigError([
    {
      code: from.startsWith("--") ? "wrong_use" : "config_invalid",
      path: [],
      what: "The port is not a whole number from 0 to 65535",
      why,
      fix: `Set ${from} to a number, such as 8000.`,
    },
  ]);
}

/** What a failed `listen` means; `undefined` for what is no fault of the address. */
export async function listenProblem(error: unknown, { host, port }: Address): Promise<ConfigProblem | undefined> {
  const code = systemCode(error);
  const at = {
    path: [],
    file: `${hostName(host.value)}:${port.value}   ${code === "EADDRINUSE" ? port.from : host.from}`,
  };
  if (code === "EADDRINUSE") {
    const who = (await isWaygate(host.value, port.value))
      ? "A waygate answers there already."
      : "Another program listens there.";
    const other = port.value < 65_535 ? port.value + 1 : 0;
    const fix = `Stop it, or: proxy start --port ${other}`;
    return { ...at, code: "port_in_use", what: `Port ${port.value} is taken`, why: who, fix };
  }
  if (code === "EACCES") {
    const why = "The system lets only its administrator listen there, usually below 1024.";
    return {
      ...at,
      code: "port_forbidden",
      what: `Port ${port.value} may not be used`,
      why,
      fix: "proxy start --port 8000",
    };
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "EAI_AGAIN" || code === "EINVAL") {
    const why = `It is no address of this machine (${code}).`;
    return {
      ...at,
      code: "host_unknown",
      what: `Cannot listen on ${host.value}`,
      why,
      fix: "proxy start --host 127.0.0.1",
    };
  }
  return undefined;
}

function systemCode(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ("code" in each) return String(each.code);
  }
  return "";
}

async function isWaygate(host: string, port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://${reachable(host)}:${port}/health`, { signal: AbortSignal.timeout(1000) });
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null && "keys" in body && "status" in body;
  } catch {
    return false; // Whatever it is that does not answer like this, it is no waygate.
  }
}

function hostName(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** The address under which this machine reaches a server with this URL; no slash at the end. */
export function localUrl(url: string): string {
  const address = new URL(url);
  address.hostname = reachable(address.hostname);
  return address.href.replace(/\/$/, "");
}

/** A name under which this machine reaches what listens on `host`. */
export function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "") return "127.0.0.1";
  return host === "::" ? "[::1]" : hostName(host);
}
