// Fills the code blocks of the README from the examples they name: ```ts file=path. With --check it only compares.
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("../README.md", import.meta.url);
const text = readFileSync(path, "utf8");
const filled = text.replace(/^```ts file=(\S+)\n[\s\S]*?^```$/gm, (_, file) => {
  const code = readFileSync(new URL(`../${file}`, import.meta.url), "utf8").trimEnd();
  return `\`\`\`ts file=${file}\n${code}\n\`\`\``;
});
if (process.argv.includes("--check")) {
  if (filled !== text) throw new Error("README.md differs from the examples it shows. Run: node scripts/readme.mjs");
} else writeFileSync(path, filled);
