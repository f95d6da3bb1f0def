/** Where PostgreSQL is, and how that is shown: never with a user or a password. */
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
  if (url === undefined || url.trim() === "")
    throw bad("no address is given", "It stands neither in url nor in DATABASE_URL.");
  if (!URL.canParse(url)) {
    throw bad("the address cannot be read", "It is no URL; special characters of a password must be escaped.");
  }
  const { protocol, password, host, pathname, searchParams } = new URL(url);
  if (protocol !== "postgres:" && protocol !== "postgresql:") {
    throw bad("the address has another protocol", `It begins with ${JSON.stringify(protocol)}.`);
  }
  const secrets = [password, decoded(password), searchParams.get("password") ?? ""].filter((text) => text !== "");
  // A socket of this machine stands in the query.
  const at = host === "" ? (searchParams.get("host") ?? "") : host;
  return { url, shown: `postgres://${at}${pathname}`, secrets: [...new Set(secrets)] };
}

/** A text of a library or a server, without what was in the address. */
export function withoutSecrets(text: string, { url, shown, secrets }: Address): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "****"), text.replaceAll(url, shown));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // Not escaped after all.
  }
}

function bad(what: string, why: string): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "postgres", "url"],
      what: `postgres: ${what}`,
      why,
      fix: 'Write postgres({ url: "postgres://user:password@host:5432/database" }), or set DATABASE_URL.',
    },
  ]);
}
