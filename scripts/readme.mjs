// Fills the README and the pages of docs: code from the files it names (```ts file=path), and tables from the sources
// (between <!-- table:name --> and <!-- /table -->). With --check it only compares.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tables } from "./doc-tables.ts";

const root = new URL("../", import.meta.url);
const docs = readdirSync(new URL("docs/", root)).filter((name) => name.endsWith(".md"));

const fill = (text) =>
  text
    .replace(/^```ts file=(\S+)\n[\s\S]*?^```$/gm, (_, file) => {
      const code = readFileSync(new URL(file, root), "utf8").trimEnd();
      return `\`\`\`ts file=${file}\n${code}\n\`\`\``;
    })
    .replace(/^<!-- table:(\S+) -->\n[\s\S]*?^<!-- \/table -->$/gm, (_, name) => {
      if (!Object.hasOwn(tables, name)) throw new Error(`There is no table "${name}" in scripts/doc-tables.ts.`);
      return `<!-- table:${name} -->\n${tables[name]()}\n<!-- /table -->`;
    });

const stale = [];
for (const page of ["README.md", ...docs.map((name) => `docs/${name}`)]) {
  const path = new URL(page, root);
  const text = readFileSync(path, "utf8");
  const filled = fill(text);
  if (filled === text) continue;
  stale.push(page);
  if (!process.argv.includes("--check")) writeFileSync(path, filled);
}
if (stale.length > 0 && process.argv.includes("--check")) {
  throw new Error(`Not as the sources are: ${stale.join(", ")}. Run: npx node scripts/readme.mjs`);
}
