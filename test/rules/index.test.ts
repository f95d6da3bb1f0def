/** Keeps the page of the rules true: every rule is on it, and every file it names tests the rule it is named for. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const counts = { A: 24, B: 19, C: 5, D: 9, E: 7, F: 15, G: 6, H: 8, I: 6, J: 4, K: 5 };
const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const page = read("README.md");
const rows = [...page.matchAll(/^\| ([A-K]\d+) \| .+? \| (.+) \|$/gm)].map(([, id, files]) => ({
  id: id!,
  files: [...files!.matchAll(/`(.+?)`/g)].map((match) => match[1]!),
}));

it("every rule is either tested or said to be missing, with the reason", () => {
  const told = [...page.matchAll(/^- \*\*([A-K]\d+)(?:–[A-K](\d+))?\*\*/gm)].flatMap(([, first, last]) => {
    const from = Number(first!.slice(1));
    return Array.from({ length: Number(last ?? from) - from + 1 }, (_, index) => first![0]! + (from + index));
  });
  const all = Object.entries(counts).flatMap(([group, count]) =>
    Array.from({ length: count }, (_, index) => `${group}${index + 1}`),
  );
  const named = new Set([...rows.map((row) => row.id), ...told]);
  expect(all.filter((id) => !named.has(id))).toEqual([]);
});

it("every file that is named for a rule has a test whose title begins with it", () => {
  expect(rows.length).toBeGreaterThan(50);
  const missing = rows.flatMap(({ id, files }) =>
    files.filter((file) => !new RegExp(`["\`]${id}[ ,]`).test(read(`../${file}`))).map((file) => `${id} ${file}`),
  );
  expect(missing).toEqual([]);
});
