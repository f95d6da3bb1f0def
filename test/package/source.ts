/** What the source files import, read from their syntax tree: strings and comments that look like imports do not count. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "vitest/node";

export const root: string = fileURLToPath(new URL("../../", import.meta.url));

export interface Import {
  readonly specifier: string;
  /** `import()` of a literal, as opposed to a declaration. */
  readonly dynamic: boolean;
  /** `import type`: nothing is loaded. */
  readonly types: boolean;
}

export interface SourceFile {
  /** Relative to the repository, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

function importsOf(node: unknown, found: Import[]): Import[] {
  if (typeof node !== "object" || node === null) return found;
  const { type, source, importKind } = node as {
    type?: string;
    source?: { value?: unknown };
    importKind?: string;
  };
  if (typeof source?.value === "string" && /^(?:Import|Export)/.test(type ?? "")) {
    found.push({
      specifier: source.value,
      dynamic: type === "ImportExpression",
      types: importKind === "type",
    });
  }
  for (const child of Object.values(node)) importsOf(child, found);
  return found;
}

/** All TypeScript and `.mjs` files below these folders of the repository. */
export function sourceFiles(...folders: readonly string[]): readonly SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(?:ts|mjs)$/.test(name))
      .map((name) => {
        const path = `${folder}/${name.replaceAll("\\", "/")}`;
        const text = readFileSync(join(root, path), "utf8");
        return { path, text, imports: importsOf(parseAst(text, { lang: "ts" }), []) };
      }),
  );
}

/** Lines that are neither blank nor part of a comment. */
export function linesOfCode(text: string): number {
  return text.split("\n").filter((line) => !/^\s*(?:$|\/\/|\/\*|\*)/.test(line)).length;
}
