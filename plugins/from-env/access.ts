/** Who may call, in the words of the proxies whose variables these are. */
import { checkKey, ConfigError, type Plugin, splitKeys } from "waygate";
import { proxyKey } from "waygate/plugins/proxy-key";
import type { Reader } from "./reader.ts";

export interface Access {
  readonly plugin: Plugin | undefined;
  readonly variables: readonly string[];
  /** Users are asked for, and the config lists nobody who knows them. */
  readonly needsUsers: boolean;
}

const modes = ["none", "proxy_key", "user_token"] as const;

/** How other proxies call the choice, and the key that one of its values asks for. */
const dialects = [
  { choice: "AUTH_MODE", key: "PROXY_PASSWORD" },
  { choice: "GATEKEEPER", key: "PROXY_KEY" },
] as const;

/**
 * `PROXY_API_KEY` goes before the others. Throws a `ConfigError` when a key is asked for that is not there: then the
 * proxy would be open.
 */
export function accessOf(reader: Reader, listed: readonly Plugin[]): Access {
  const knows = listed.some(({ name, hooks }) => name === "users" && hooks?.auth !== undefined);
  const hasKey = reader.text("PROXY_API_KEY") !== undefined || reader.text("PROXY_API_KEY_FILE") !== undefined;
  const hasAuth = listed.some(({ hooks }) => hooks?.auth !== undefined);
  let found: Access = { plugin: hasKey ? proxyKey() : undefined, variables: [], needsUsers: false };
  for (const { choice, key } of dialects) {
    const mode = reader.word(choice, modes);
    if (mode === "user_token" && !knows) found = { ...found, needsUsers: true };
    const secret = reader.text(key);
    if (mode === "proxy_key" && secret === undefined && !hasKey && !hasAuth) {
      throw problem(
        `${choice} is proxy_key, and there is no key`,
        `neither PROXY_API_KEY nor ${key} is set`,
        "set PROXY_API_KEY to what clients are to show",
      );
    }
    // Whoever has set it back to none does not want it; without a word a key is there to be asked for.
    if (secret === undefined || mode === "none" || mode === "user_token" || found.plugin !== undefined) continue;
    const keys = splitKeys(secret).filter((each) => each !== "");
    found = { ...found, plugin: proxyKey({ keys: keys.map((each) => checkKey(each, key)) }), variables: [key] };
  }
  return found;
}

function problem(what: string, why: string, fix: string): ConfigError {
  return new ConfigError([
    { code: "config_invalid", path: ["plugins", "from-env"], what, why, fix, needle: "fromEnv" },
  ]);
}
