/** Who may call: everyone who knows one of a few static keys. */
import { hash, timingSafeEqual } from "node:crypto";
import {
  type App,
  checkKey,
  type Context,
  definePlugin,
  keyFile,
  type KeyFileWatch,
  type Plugin,
  presentedKeys,
  type Principal,
  splitKeys,
  watchKeyFiles,
} from "waygate";

export type ProxyKeyInput =
  | string
  | {
      readonly key: string;
      /** A name for logs and usage. */
      readonly label?: string;
      /** Sees key labels and every reason in errors. */
      readonly admin?: boolean;
      /** Globs over model names; absent = all. */
      readonly models?: readonly string[];
    };

export interface ProxyKeyOptions {
  /** Default: `PROXY_API_KEY` of the environment, several with commas, and the file that `PROXY_API_KEY_FILE` names. */
  readonly keys?: string | readonly ProxyKeyInput[];
}

interface Known {
  /** The key, padded with zeros to `WIDTH` bytes. */
  readonly padded: Buffer;
  readonly principal: Principal;
}

/** Bytes a key may have. All are compared at this width, so that the time tells nothing about a key, nor its length. */
const WIDTH = 512;

/**
 * Without a key there is no `auth` hook: the proxy is open, answers loopback only, and does not start on a public host.
 * A file that is named but cannot be read lets nobody in; it is read again when it changes.
 */
export function proxyKey(options: ProxyKeyOptions = {}): Plugin<readonly []> {
  const place = options.keys === undefined ? "PROXY_API_KEY" : "keys of proxyKey()";
  const own = knownKeys(options.keys ?? process.env["PROXY_API_KEY"] ?? "", place);
  const files = options.keys === undefined ? keyFile("PROXY_API_KEY_FILE", process.env) : [];
  // The same plugin may be part of several proxies.
  const watches = new WeakMap<App, KeyFileWatch>();
  let known = own;
  const isOpen = own.length === 0 && files.length === 0;
  return definePlugin({
    name: "proxy-key",
    ...(isOpen && options.keys === undefined && { yields: true }),
    hooks: isOpen ? {} : { auth: (ctx) => principalOf(ctx, known) },
    setup(app) {
      if (files.length > 0) {
        const log = app.log.withTag("proxy-key");
        const apply = (keys: readonly string[]): void => {
          const fitting = keys.filter((key) => key.length <= WIDTH);
          if (fitting.length < keys.length)
            log.warn(`PROXY_API_KEY_FILE: a key longer than ${WIDTH} bytes is left out.`);
          known = [...own, ...knownKeys(fitting, "PROXY_API_KEY_FILE")];
        };
        const watch = watchKeyFiles(files, app, apply);
        watches.set(app, watch);
        apply(watch.keys());
      }
      if (!isOpen || app.guarded === true) return;
      app.log
        .withTag("proxy-key")
        .warn("No key is set: whoever reaches this address may call. Set PROXY_API_KEY in .env.");
    },
    close(app) {
      watches.get(app)?.close();
    },
  });
}

/** Throws a `ConfigError` for the placeholder of an example: everybody knows it. */
function knownKeys(keys: string | readonly ProxyKeyInput[], place: string): readonly Known[] {
  const list = typeof keys === "string" ? splitKeys(keys) : keys;
  const known = new Map<string, Known>();
  for (const input of list) {
    const { key, ...about } = typeof input === "string" ? { key: input } : input;
    if (key.trim() === "") continue;
    checkKey(key.trim(), place);
    const padded = pad(Buffer.alloc(WIDTH), key.trim());
    if (padded === undefined) throw new Error(`proxyKey: a key is longer than ${WIDTH} bytes.`);
    const id = `key:${hash("sha256", key.trim()).slice(0, 8)}`;
    if (!known.has(id)) known.set(id, { padded, principal: Object.freeze({ id, ...about }) });
  }
  return [...known.values()];
}

/** Writes the key over whatever was there; `undefined` when it does not fit. */
function pad(buffer: Buffer, key: string): Buffer | undefined {
  const length = Buffer.byteLength(key);
  if (length > WIDTH || key.includes("\0")) return undefined;
  buffer.write(key);
  return buffer.fill(0, length);
}

/** Reused from request to request: comparing is synchronous. */
const presented = Buffer.alloc(WIDTH);

function principalOf(ctx: Context, known: readonly Known[]): Principal | undefined {
  let found: Principal | undefined;
  for (const key of presentedKeys(ctx)) {
    if (pad(presented, key) === undefined) continue;
    // All are compared, also after a match: the time tells nothing about the place in the list.
    for (const each of known) {
      if (timingSafeEqual(presented, each.padded)) found ??= each.principal;
    }
  }
  return found;
}
