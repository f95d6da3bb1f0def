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

/** The rows of a table of `reports.md`, by their numbers. */
function reports(title: string): ReadonlyMap<number, string> {
  const [, table = ""] = read("reports.md").split(`## ${title}`);
  const own = table.split("\n## ")[0]!;
  return new Map([...own.matchAll(/^\| (\d+) \| .+? \| (.+) \|$/gm)].map(([, row, where]) => [Number(row), where!]));
}

/** Numbers in the titles of a file: of `report 7: …`, `… (report 7)`, `… (reports 7, 8)`, `google 14.7 14.8 …`. */
function numbersIn(file: string, word: string): ReadonlySet<string> {
  const texts = read(`../${file}`).matchAll(/(["`])((?:(?!\1)[^\n])*)\1/g);
  const named = new RegExp(`\\b${word}(\\d+(?:(?:, | 14\\.)\\d+)*)`, "g");
  const numbers = [...texts].flatMap(([, , text]) => [...text!.matchAll(named)]).map(([, found]) => found!);
  return new Set(numbers.flatMap((each) => each.split(/, | 14\./)));
}

it.each([
  ["Accounts of Google", 53, "google 14\\."],
  ["Keys, streams, accounts and services", 62, "reports? "],
])("every report of %s has a test that names it, or the reason why not", (title, count, word) => {
  const told = reports(title);
  expect([...told.keys()]).toEqual(Array.from({ length: count }, (_, index) => index + 1));
  const missing = [...told].flatMap(([row, where]) => {
    if (/^not (?:built|ours): \S/.test(where)) return [];
    const files = [...where.matchAll(/`([\w/.-]+\.test\.ts)`/g)].map((match) => match[1]!);
    if (files.length === 0) return [`${row} names no file`];
    return files.filter((file) => !numbersIn(file, word).has(String(row))).map((file) => `${row} ${file}`);
  });
  expect(missing).toEqual([]);
});
