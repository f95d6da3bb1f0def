/** Where Redis is, and how that is shown: never with a password. */
import { ConfigError } from "waygate";

export interface Address {
  readonly url: string;
  /** For people: protocol, host, port and database. */
  readonly shown: string;
  /** What must not be in any text. */
  readonly secrets: readonly string[];
}

/** Throws a `ConfigError` that does not repeat what may be a password. */
export function readAddress(url: string | undefined): Address {
  if (url === undefined || url.trim() === "") {
    throw bad("no address is given", "It stands neither in url nor in REDIS_URL.");
  }
  if (!URL.canParse(url))
    throw bad("the address cannot be read", "It is no URL; special characters of a password must be escaped.");
  const { protocol, username, password, host, pathname } = new URL(url);
  if (protocol !== "redis:" && protocol !== "rediss:") {
    throw bad("the address has another protocol", `It begins with ${JSON.stringify(protocol)}.`);
  }
  if (!/^\/?\d*$/.test(pathname)) throw bad("the address names no database", "Its path must be a number, or nothing.");
  const plain = [username, password].flatMap((text) => [text, decoded(text)]);
  return {
    url,
    shown: `${protocol}//${username || password ? "****@" : ""}${host}${pathname.length > 1 ? pathname : ""}`,
    secrets: [...new Set(plain)].filter((text) => text !== "" && text !== "default"),
  };
}

/** A text of a library or a server, without what was in the address. */
export function withoutSecrets(text: string, { url, shown, secrets }: Address): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "****"), text.replaceAll(url, shown));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not escaped after all: then it is the text itself.
    return text;
  }
}

function bad(what: string, why: string): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "redis", "url"],
      what: `redis: ${what}`,
      why,
      fix: 'Write redis({ url: "redis://localhost:6379" }), or set REDIS_URL; rediss:// for TLS.',
    },
  ]);
}
