/** Turns callers away by where they are and by the page they come from, before anything is read of what they want. */
import {
  type App,
  type Caller,
  ConfigError,
  definePlugin,
  type Json,
  type Plugin,
  ProxyError,
  type Setting,
  type SettingItem,
  settingObject,
  settingTexts,
} from "waygate";
import { addressFault, addressList, type OnList } from "./addresses.ts";
import { refusalPage } from "./page.ts";

export interface ClientFilterOptions {
  /** Addresses and ranges (`10.0.0.0/8`, `2001:db8::/32`) that may not call. */
  readonly block?: readonly string[];
  /** The only addresses and ranges that may call; `block` is looked at first. `/health` is answered to all. */
  readonly allow?: readonly string[];
  /** In place of `allow` for the routes of administrators. This machine may always call those. */
  readonly adminAllow?: readonly string[];
  /** Texts in `Origin` or `Referer` by which a page or app is refused, whatever their case. */
  readonly blockOrigins?: readonly string[];
  /** Where a browser goes three seconds after it was refused by its origin. Default: nowhere. */
  readonly redirect?: string;
}

const lists = ["block", "allow", "blockOrigins"] as const;
type Lists = Partial<Record<(typeof lists)[number], readonly string[]>>;

interface Active {
  readonly blocked: OnList | undefined;
  readonly allowed: OnList | undefined;
  readonly origins: readonly string[];
}

/**
 * Refused is answered 403 `ip_not_allowed` or `blocked_origin`. The address is that of `server.trustProxy`; whoever has
 * none, as in a host that does not tell, is on no list. `block` and `blockOrigins` may be added to at run time, as the
 * setting `client-filter`, and `allow` where the config has none. A start throws a `ConfigError` for a bad entry.
 */
export function clientFilter(options: ClientFilterOptions = {}): Plugin<readonly []> {
  const { adminAllow = [], redirect } = options;
  const active = new WeakMap<App, Active>();
  checkOptions(options);
  const admins = addressList(adminAllow);
  return definePlugin({
    name: "client-filter",
    // Listed without rules it is there for those of run time.
    usesDatabase: [...lists, "adminAllow" as const].every((list) => (options[list] ?? []).length === 0),
    setup(app) {
      active.set(app, compiled(options));
      app.overlay?.define(
        "client-filter",
        setting(options, (more) => active.set(app, compiled(merged(options, more)))),
      );
    },
    admit(caller, app) {
      const { blocked, allowed, origins } = active.get(app) ?? compiled(options);
      const { ip, route, admin } = caller;
      if (!(admin && isLoopback(ip))) {
        if (blocked?.(ip)) throw notAllowed(ip);
        const list = admin ? (admins ?? allowed) : allowed;
        if (list && !list(ip) && route !== "/health") throw notAllowed(ip);
      }
      return origins.length === 0 ? undefined : refusedOrigin(caller, origins, redirect);
    },
  });
}

function refusedOrigin(
  { req }: Caller,
  origins: readonly string[],
  redirect: string | undefined,
): Response | undefined {
  const from = `${req.headers.get("origin") ?? ""}\n${req.headers.get("referer") ?? ""}`.toLowerCase();
  if (from.length < 2 || !origins.some((origin) => from.includes(origin))) return undefined;
  const message = "Calls from this page or app are not allowed.";
  if (req.headers.get("accept")?.includes("text/html")) return refusalPage(message, redirect);
  throw new ProxyError({ kind: "forbidden", code: "blocked_origin", message });
}

function notAllowed(ip: string | undefined): ProxyError {
  const message = `The address ${ip ?? "of the caller, which this server cannot see,"} is not allowed here.`;
  return new ProxyError({ kind: "forbidden", code: "ip_not_allowed", message });
}

function isLoopback(ip: string | undefined): boolean {
  return ip !== undefined && (ip === "::1" || ip.startsWith("127."));
}

function compiled({ block = [], allow = [], blockOrigins = [] }: Lists): Active {
  return {
    blocked: addressList(block),
    allowed: addressList(allow),
    origins: blockOrigins.map((origin) => origin.toLowerCase()),
  };
}

function merged(own: Lists, more: Lists): Lists {
  return {
    block: [...(own.block ?? []), ...(more.block ?? [])],
    allow: own.allow ?? more.allow,
    blockOrigins: [...(own.blockOrigins ?? []), ...(more.blockOrigins ?? [])],
  };
}

function setting(own: Lists, use: (more: Lists) => void): Setting {
  let added: Lists = {};
  const items = (from: Lists, origin: SettingItem["origin"]): SettingItem[] =>
    lists.flatMap((field) =>
      (from[field] ?? []).map((value) => ({
        ...{ field, value, origin },
        ...(origin === "run-time" && field === "allow" && own.allow && { overruled: true as const }),
      })),
    );
  return {
    about:
      'Who may not call: {"block": ["192.0.2.0/24"], "blockOrigins": ["example.com"], "allow": ["the only ones that may"]}.',
    validate(value) {
      const problems: string[] = [];
      const { allow = [] } = read(value, problems);
      if (allow.length > 0 && own.allow) problems.push("The config has allow, which cannot be edited here.");
      return problems;
    },
    apply(value) {
      const problems: string[] = [];
      const more = value === undefined ? {} : read(value, problems);
      if (problems.length > 0) throw new Error(problems[0]);
      use(more);
      added = more;
    },
    current: () => [...items(own, "config"), ...items(added, "run-time")],
  };
}

function read(value: Json, problems: string[]): Lists {
  const object = settingObject(value, "The value", problems, lists);
  const [block, allow, blockOrigins] = lists.map((list) => settingTexts(object[list], list, problems, 10_000));
  for (const entry of [...block!, ...allow!]) {
    const fault = addressFault(entry);
    if (fault !== undefined) problems.push(`${fault}.`);
  }
  return { block, allow: allow!.length === 0 ? undefined : allow, blockOrigins };
}

function checkOptions(options: ClientFilterOptions): void {
  const problem = (path: readonly (string | number)[], value: string, why: string, fix: string): ConfigError =>
    new ConfigError([
      {
        code: "config_invalid",
        path: ["plugins", "clientFilter", ...path],
        what: `clientFilter: ${path[0]} cannot have ${JSON.stringify(value.slice(0, 100))}`,
        ...{ why, fix, value },
      },
    ]);
  for (const list of ["block", "allow", "adminAllow"] as const) {
    for (const [index, entry] of (options[list] ?? []).entries()) {
      const fault = addressFault(entry);
      if (fault !== undefined) throw problem([list, index], entry, fault, "correct it, or take it out");
    }
  }
  for (const [index, origin] of (options.blockOrigins ?? []).entries()) {
    if (origin.trim() === "") throw problem(["blockOrigins", index], origin, "it is in every origin", "take it out");
  }
  const { redirect } = options;
  if (redirect !== undefined && !/^https?:$/.test(URL.parse(redirect)?.protocol ?? "")) {
    throw problem(["redirect"], redirect, "it is no address of a page", "write one that begins with https://");
  }
}
