/** Lets this process import TypeScript: the user's config and plugins, and our own sources inside the repository. */
import { readFileSync } from "node:fs";
import { registerHooks, type ResolveHookSync } from "node:module";
import { registerSelf } from "./self.ts";

const kRegistered: unique symbol = Symbol.for("waygate.typescript");
const registry = globalThis as { [kRegistered]?: Promise<void> };

/** Whether a text has a line that only an ES module may have. Lines inside a comment or a template count too. */
export function hasModuleSyntax(text: string): boolean {
  return /^\s*(?:import\s*(?:type\s|["'{*]|[\w$]+\s*(?:,|from\b))|export(?:\s*[{*]|\s+[a-z]))/m.test(text);
}

/** tsx marks what it takes for CommonJS in the URL, also by a second, escaped question mark; this is without. */
function withoutMarks(url: string): URL {
  const plain = new URL(url);
  const marks = [...plain.searchParams.keys()].filter((key) => key.startsWith("tsx-"));
  if (marks.length > 0) plain.pathname = plain.pathname.replace(/%3f[^/]*$/i, "");
  for (const mark of marks) plain.searchParams.delete(mark);
  return plain;
}

/**
 * A folder without a `package.json` makes its files CommonJS, and so does what `npm init` writes. A config there is
 * written with `import` all the same; as CommonJS it would load a second copy of this package.
 */
const resolve: ResolveHookSync = (specifier, context, nextResolve) => {
  const resolved = nextResolve(specifier, context);
  const own =
    resolved.url.startsWith("file:") && /\.[jt]sx?\b/.test(resolved.url) && !resolved.url.includes("/node_modules/");
  if (!own || !context.conditions.includes("import") || resolved.format?.startsWith("module")) return resolved;
  const url = withoutMarks(resolved.url);
  const text = readFileSync(new URL(url.pathname, url), "utf8");
  return hasModuleSyntax(text) ? { ...resolved, url: url.href, format: "module" } : resolved;
};

/**
 * Registers tsx, and `registerSelf` before it, for the rest of the process: a plain `import()` then takes `.ts` files,
 * as part of the one module graph. Calling it again does nothing.
 */
export function registerTypeScript(): Promise<void> {
  return (registry[kRegistered] ??= (async () => {
    // The order matters: hooks registered later run first, and only the innermost sees plain file URLs.
    registerSelf();
    registerHooks({ resolve });
    const { register } = await import("tsx/esm/api");
    // Path aliases of whatever tsconfig.json lies in the working folder must not redirect our own imports.
    register({ tsconfig: false });
  })());
}
