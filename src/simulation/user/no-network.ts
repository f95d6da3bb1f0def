/**
 * Shuts the way out while somebody's plugins run in a simulation. Stand-ins need no network; a plugin that opens a
 * connection by itself (a notifier, a store, a client of an identity provider) is told that there is none.
 */
import { Socket } from "node:net";

export interface ShutNetwork {
  open(): void;
}

/** For the whole process, until it is opened again. `tried` is told who was to be reached, and how often. */
export function shutNetwork(tried: Map<string, number>): ShutNetwork {
  const refuse = (place: string): Error => {
    tried.set(place, (tried.get(place) ?? 0) + 1);
    return new Error(`Nothing goes to the network in a simulation (${place}).`);
  };
  const { fetch } = globalThis;
  const prototype = Socket.prototype as { connect: unknown };
  const { connect } = prototype;
  globalThis.fetch = (input) => {
    const url = input instanceof Request ? input.url : String(input);
    return Promise.reject(refuse(URL.parse(url)?.host ?? "an address"));
  };
  // Clients of every kind, TLS too, come by here; `destroy` is how a socket says that it could not connect.
  prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    return this.destroy(refuse(placeOf(args)));
  };
  return {
    open() {
      globalThis.fetch = fetch;
      prototype.connect = connect;
    },
  };
}

interface Place {
  readonly host?: string;
  readonly port?: number | string;
  readonly path?: string;
}

/** `connect(options)`, `connect(port, host)`, `connect(path)`, and the list that Node itself hands over. */
function placeOf(args: readonly unknown[]): string {
  const [given, host] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  const { port, path, ...more }: Place =
    typeof given === "object" && given !== null
      ? given
      : typeof given === "number"
        ? { port: given, ...(typeof host === "string" && { host }) }
        : { path: String(given) };
  return path ?? `${more.host ?? "localhost"}:${port ?? ""}`;
}
