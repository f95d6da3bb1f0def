/** What a caller may ask for, where the auth plugin says that it is not everything. */
import { ProxyError } from "../failure/error.ts";
import { matchesGlob } from "../glob.ts";
import type { Principal, Target } from "../plugin/context.ts";

const compiled = new WeakMap<readonly string[], (name: string) => boolean>();

/** Whether a name, with or without its provider, is one of those the caller may use. */
export function mayUse(principal: Principal | undefined, name: string): boolean {
  const models = principal?.models;
  if (models === undefined) return true;
  let matches = compiled.get(models);
  if (!matches) compiled.set(models, (matches = matchesGlob(models)));
  return matches(name) || matches(name.slice(name.indexOf("/") + 1));
}

/**
 * The targets the caller may reach: all of a name that is allowed, else those that are allowed by their own names.
 * Throws a 403 when there are none.
 */
export function permitted(
  principal: Principal | undefined,
  requested: string,
  targets: readonly Target[],
): readonly Target[] {
  if (principal?.models === undefined || mayUse(principal, requested)) return targets;
  const own = targets.filter(({ provider, model }) => mayUse(principal, `${provider.name}/${model}`));
  if (own.length > 0) return own;
  throw new ProxyError({
    kind: "forbidden",
    status: 403,
    code: "model_not_allowed",
    param: "model",
    message: `This key may not use ${JSON.stringify(requested.slice(0, 200))}. What it may use: GET /v1/models.`,
  });
}
