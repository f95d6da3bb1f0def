/** docs/errors.md is filled by scripts/readme.mjs, whose own test says that the page is current; here: that it is whole. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tables } from "../../scripts/doc-tables.ts";
import { commandCodes, publicFixes } from "../../scripts/error-fixes.ts";
import { publicCodes } from "../../src/failure/table.ts";
import { root, sourceFiles } from "../package/source.ts";

const page = readFileSync(join(root, "docs/errors.md"), "utf8");

/** The codes that the sources name, without scripted and simulated upstreams, which have some of their own. */
const named = new Set(
  sourceFiles("src")
    .filter(({ path }) => !/^src\/(?:testing|simulation)\//.test(path) && path !== "src/failure/table.ts")
    .flatMap(({ path }) => {
      const text = readFileSync(join(root, path), "utf8");
      const fields = [...text.matchAll(/\bcode: (?:[^,\n"]*(?:"[^"\n]*"\) )?\? )?"([a-z_]+)"(?: : "([a-z_]+)")?/g)];
      const words = [...text.matchAll(/"(config_[a-z_]+)"/g)];
      return [...fields.flatMap(([, one, other]) => [one, other]), ...words.map(([, word]) => word)];
    })
    .filter((code) => code !== undefined),
);

describe("docs/errors.md", () => {
  it.each(["public-codes", "command-codes"])("has the table of %s as the sources make it", (name) => {
    expect(page).toContain(`<!-- table:${name} -->\n${tables[name]!()}\n<!-- /table -->`);
  });

  it("says what to do about every code, and has no code that nothing raises", () => {
    const listed = new Set([...Object.keys(publicCodes), ...Object.keys(commandCodes)]);
    expect([...named].filter((code) => !listed.has(code))).toEqual([]);
    expect(Object.keys(commandCodes).filter((code) => !named.has(code))).toEqual([]);
    expect(Object.keys(publicFixes).sort()).toEqual(Object.keys(publicCodes).sort());
  });

  it("names no code twice", () => {
    const codes = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
    expect(codes).toEqual([...new Set(codes)]);
    expect(codes).toHaveLength(Object.keys(publicCodes).length + Object.keys(commandCodes).length);
  });
});
