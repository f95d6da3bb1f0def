/** The models a caller may see, and what each name stands for; whatever the shape they are listed in. */
import type { ModelEntry } from "../candidates/models.ts";
import { ProxyError } from "../failure/error.ts";
import { mayUse, permitted } from "../pipeline/permission.ts";
import type { App } from "../plugin/app.ts";
import type { Principal, Target } from "../plugin/context.ts";

export interface NamedModel {
  readonly provider: string;
  readonly model: string;
}

/** The very list of the proxy where the caller may use all of it. */
export function visibleModels({ models }: App, principal: Principal | undefined): readonly ModelEntry[] {
  return principal?.models ? models.list().filter(({ id }) => mayUse(principal, id)) : models.list();
}

/**
 * One model. A name that resolves is usable although no list has it; for one that does not a `ProxyError` of status 404
 * is thrown, with the nearest names, and one of status 403 for a model the caller may not use.
 */
export function visibleModel(
  { models }: App,
  principal: Principal | undefined,
  id: string,
): { readonly entry: ModelEntry; readonly target: NamedModel | undefined } {
  const listed = models.list().find((entry) => entry.id === id);
  const [target] = permitted(principal, id, models.resolve(id));
  return { entry: listed ?? { id, ownedBy: target!.provider.name }, target: named(target) };
}

/** What an entry of the list stands for: of an alias, its first target. */
export function targetOf({ models }: App, { id, ownedBy }: ModelEntry): NamedModel | undefined {
  // Looking thousands of names up would push those out of the memory that requests use.
  if (!models.isAlias(id)) return { provider: ownedBy, model: id.slice(ownedBy.length + 1) };
  try {
    return named(models.resolve(id)[0]);
  } catch (error) {
    // An alias is listed also when a filter forbids all its targets, or nobody lists them.
    if (ProxyError.is(error)) return undefined;
    throw error;
  }
}

/** The name in a path. Throws a `ProxyError` of status 400 when it cannot be decoded. */
export function decodeModel(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw new ProxyError({
      kind: "invalid_request",
      param: "model",
      message: "The model's name is not valid percent-encoding.",
    });
  }
}

function named(target: Target | undefined): NamedModel | undefined {
  return target && { provider: target.provider.name, model: target.model };
}
