/** The catalogue that ships. It is read when the first request needs it, so that starting costs nothing. */
import { type Catalog, createCatalog } from "./catalog.ts";
import type { Snapshot } from "./snapshot.ts";

let loading: Promise<Catalog> | undefined;

export function loadCatalog(): Promise<Catalog> {
  return (loading ??= read());
}

async function read(): Promise<Catalog> {
  // The type of a thousand literals would only slow the compiler down.
  const { default: data } = (await import("./models.json", { with: { type: "json" } })) as unknown as {
    readonly default: Snapshot;
  };
  return createCatalog(data);
}
