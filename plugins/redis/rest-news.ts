/** A rest as a text for other workers; times are those of Redis, because machines' clocks differ. */
import type { Rest, RestTarget } from "waygate";

interface Written {
  readonly target: RestTarget;
  /** `until` is null for one without an end; the whole is null when it was ended. */
  readonly rest: (Omit<Rest, "until"> & { readonly until: number | null }) | null;
}

export function writeNews(target: RestTarget, rest: Rest | undefined, offset: number): string {
  const written: Written = {
    target,
    rest: rest ? { ...rest, until: Number.isFinite(rest.until) ? rest.until + offset : null } : null,
  };
  return JSON.stringify(written);
}

/** `undefined` for what nobody of this version has written. */
export function readNews(
  text: string,
  offset: number,
): { readonly target: RestTarget; readonly rest: Rest | undefined } | undefined {
  let parsed: Partial<Written> | null;
  try {
    parsed = JSON.parse(text) as Partial<Written> | null;
  } catch {
    // Not ours; the caller says so.
    return undefined;
  }
  const { target, rest } = parsed ?? {};
  if (typeof target?.provider !== "string" || rest === undefined) return undefined;
  if (rest === null) return { target, rest: undefined };
  if (typeof rest.state !== "string" || typeof rest.kind !== "string") return undefined;
  return { target, rest: { ...rest, until: rest.until === null ? Number.POSITIVE_INFINITY : rest.until - offset } };
}
