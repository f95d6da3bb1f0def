/** Ports of this machine that cannot be had, until the test is over. */
import { Server } from "node:net";
import { onTestFinished, vi } from "vitest";

/** `EACCES` is what Windows says of the ranges that it keeps for itself. */
export function reservePorts(ports: readonly number[], code: "EADDRINUSE" | "EACCES"): void {
  const listen = Object.getOwnPropertyDescriptor(Server.prototype, "listen")!.value as (...given: unknown[]) => Server;
  const spy = vi.spyOn(Server.prototype, "listen");
  spy.mockImplementation(function (this: Server, ...given: unknown[]) {
    const { port } = Object(given[0]) as { readonly port?: number };
    if (port === undefined || !ports.includes(port)) return listen.apply(this, given);
    const error = Object.assign(new Error(`listen ${code}: 127.0.0.1:${port}`), { code });
    process.nextTick(() => this.emit("error", error));
    return this;
  });
  onTestFinished(() => spy.mockRestore());
}
