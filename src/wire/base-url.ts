/** A provider's base URL as people write it, in the one form that paths are appended to. */
import { ConfigError } from "../config/problem.ts";
import { redactUrl } from "../failure/mask.ts";

export interface BaseUrlOptions {
  /** The version segment of the protocol, `v1`; added to an address that is only a host. */
  readonly segment: string;
  /** The option or variable it came from, for the error. Default `baseURL`. */
  readonly place?: string;
}

/**
 * Without a slash at the end and with one version segment: an address that is only a host gets it, one with a path is
 * literal, a doubled version collapses. Throws a `ConfigError` for what is not an http(s) address.
 */
export function baseUrl(url: string, { segment, place = "baseURL" }: BaseUrlOptions): string {
  const bad = (why: string, fix: string): ConfigError =>
    new ConfigError([
      {
        code: "config_invalid",
        path: [],
        what: `${place} is not an address of an API: "${redactUrl(url)}"`,
        why,
        fix,
        needle: url,
      },
    ]);
  const text = url.trim();
  if (!/^https?:\/\//i.test(text)) {
    throw bad("it does not begin with http:// or https://", `write "${redactUrl(withScheme(text))}"`);
  }
  // A URL's own reading would drop line ends and take what comes after a third slash for the host.
  if (/\s/.test(text)) throw bad("there is a space or a line end in it", "take it out");
  if (/^\w+:\/\/(?:[/?#]|$)/.test(text)) throw bad("there is no host behind //", 'write "https://HOST/v1"');
  if (!URL.canParse(text)) throw bad("it cannot be read as a URL", "correct the host and the port");
  const parsed = new URL(text);
  if (parsed.search !== "" || parsed.hash !== "") {
    throw bad("paths are appended to it, so it cannot have a query or a fragment", "end it before the ? or #");
  }
  if (parsed.username !== "" || parsed.password !== "") {
    throw bad("it holds a user name or a password", "put them into headers");
  }
  const parts = parsed.pathname.split("/").filter((part) => part !== "");
  const path = parts.filter((part, index) => !(/^v\d/.test(part) && part === parts[index - 1]));
  if (path.length === 0) path.push(...segment.split("/").filter((part) => part !== ""));
  return [parsed.origin, ...path].join("/");
}

/** What was most likely meant by an address that begins with neither scheme: `htp://x`, `https:/x`, `https//x`, `x`. */
function withScheme(text: string): string {
  const [wrong = ""] = /^(?:[a-z]{2,8}[:;]\/+|h?t{1,3}ps?(?:[:;]|\/\/))/i.exec(text) ?? [];
  const rest = text.slice(wrong.length);
  const isSafe = wrong === "" ? /^[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:\/|$)/i.test(rest) : /s[:;/]/i.test(wrong);
  return `${isSafe ? "https" : "http"}://${rest || "HOST/v1"}`;
}
