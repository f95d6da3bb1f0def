/** Which provider's model a client's name stands for, when the question is not where to send a request. */
import type { Models } from "../candidates/models.ts";
import { ProxyError } from "../failure/error.ts";
import type { Catalog } from "./catalog.ts";
import type { ModelInfo } from "./model-info.ts";
import { splitVendor } from "./names.ts";

/** Of an alias its first target; of a name nobody here offers, what the name itself says. */
export function modelNamed(
  name: string,
  models: Models,
): { readonly provider: string | undefined; readonly model: string } {
  try {
    const [target] = models.resolve(name);
    if (target) return { provider: target.provider.name, model: target.model };
  } catch (error) {
    if (!ProxyError.is(error) || error.kind !== "not_found") throw error;
  }
  const { vendor, name: model } = splitVendor(name);
  return { provider: vendor, model };
}

/** What the catalogue knows of it. A bare name nobody here offers is its maker's, if exactly one made it. */
export function describeNamed(name: string, models: Models, catalog: Catalog): ModelInfo | undefined {
  const { provider, model } = modelNamed(name, models);
  const by = provider ?? catalog.vendorOf(model);
  return by === undefined ? undefined : catalog.lookup(by, model);
}
