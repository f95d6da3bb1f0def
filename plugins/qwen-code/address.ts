/** Where the requests of an account go: its token file names the host, and a token must not go just anywhere. */
import { type AccountFields, baseUrl, type ProxyError } from "waygate";
import { textIn, unusableAccount } from "waygate/plugins/openai-compatible";

/** Hosts of the service; with those below them. */
const usual = ["*.qwen.ai", "*.aliyuncs.com"];

/**
 * `portal.qwen.ai` becomes `https://portal.qwen.ai/v1`; `undefined` for an account that names no host. Throws a
 * `ProxyError` for a host that is neither the service's nor one of `allowed`, in which `*.` stands for what is below.
 */
export function addressIn(fields: AccountFields, allowed: readonly string[] = []): string | undefined {
  const resource = textIn(fields, "resource_url");
  if (resource === undefined) return undefined;
  const text = /^[a-z][a-z\d+.-]*:\/\//i.test(resource) ? resource : `https://${resource}`;
  const url = URL.parse(text);
  if (!url || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw refused("is no address of an API");
  }
  const isOwn = [url.hostname, url.host].some((host) => allowed.some((pattern) => fits(host, pattern)));
  if (!isOwn && !usual.some((pattern) => fits(url.hostname, pattern))) {
    throw refused(`names ${url.host}, which is no host of Qwen's. If it is yours, name it in the option allowedHosts`);
  }
  const isSafe = url.protocol === "https:" || (url.protocol === "http:" && isOwn && isLoopback(url.hostname));
  if (!isSafe) throw refused("is not https");
  const path = url.pathname.replace(/\/+$/, "");
  return baseUrl(`${url.origin}${path.endsWith("/v1") ? path : `${path}/v1`}`, {
    segment: "v1",
    place: "resource_url of the account",
  });
}

function fits(host: string, pattern: string): boolean {
  const wanted = pattern.toLowerCase();
  return wanted.startsWith("*.") ? host.endsWith(wanted.slice(1)) && host.length > wanted.length - 1 : host === wanted;
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(host);
}

function refused(why: string): ProxyError {
  return unusableAccount(`The account's resource_url ${why}. Nothing was sent there.`);
}
