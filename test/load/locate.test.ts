import { describe, expect, it } from "vitest";
import { locate, locateImport } from "../../src/load/locate.ts";

const source = `
import { tiers } from "waygate/plugins/tiers"; // "gemni_cli" in a comment
const pattern = /"gemni_cli"/;
export default defineConfig({
  plugins: [
    proxyKey(), false, [lab({ name: "lab", models: ["gemni_cli"] })],
    tiers([["gemni_cli"], ["groq", "gemni_cli"]]),
    on && metrics({ port: "9" }),
    ...more,
    last({ port: "7" }),
  ],
  models: { "fast/*": ["lab/*", "gemni_cli"], smart: "lab/x" } satisfies Models,
  server: { port: "8000", host },
  retry,
});
`;

/** The text at the place found, or its line. */
function at(path: readonly (string | number)[], needle?: string): string | number | undefined {
  const position = locate(source, { path, ...(needle === undefined ? {} : { needle }) });
  if (position?.column === undefined) return position?.line;
  const line = source.split("\n")[position.line - 1] ?? "";
  return `${position.line}: ${line.slice(position.column - 1, position.column - 1 + (position.length ?? 0))}`;
}

describe("locate", () => {
  it("follows keys and entries to a value", () => {
    expect(at(["server", "port"])).toBe(`13: "8000"`);
    expect(at(["models", "fast/*", 1])).toBe(`12: "gemni_cli"`);
    expect(at(["plugins", 2, 0])).toBe(`6: lab({ name: "lab", models: ["gemni_cli"] })`);
    expect(at(["server", "host"])).toBe("13: host");
  });

  it("looks into the options of a call, by the name of its function or by a key", () => {
    expect(at(["plugins", 3, "tiers", 1, 1])).toBe(`7: "gemni_cli"`);
    expect(at(["plugins", 2, 0, "models", 0])).toBe(`6: "gemni_cli"`);
  });

  it("finds a plugin by the name of its function when only one entry calls it", () => {
    expect(at(["plugins", "tiers", 1, 1])).toBe(`7: "gemni_cli"`);
    expect(at(["plugins", "proxyKey"])).toBe("6: proxyKey()");
    expect(at(["plugins", "last", "port"])).toBe(`10: "7"`);
    expect(at(["plugins", "tiers"], "groq")).toBe(`7: "groq"`);
    expect(at(["plugins", "none"])).toBe(5);
  });

  it("takes the needle inside what the path reached", () => {
    expect(at(["plugins", 3, "tiers", 0, 0], "gemni_cli")).toBe(`7: "gemni_cli"`);
    expect(at(["models", "fast/*"], "gemni_cli")).toBe(`12: "gemni_cli"`);
    expect(at(["models", "smart"], "lab/x")).toBe(`12: "lab/x"`);
    expect(at(["elsewhere"], "last")).toBe("10: last");
  });

  it("gives no place for a needle that is there more than once and cannot be told apart", () => {
    expect(at(["elsewhere"], "gemni_cli")).toBeUndefined();
    expect(at([], "gemni_cli")).toBeUndefined();
  });

  it("gives only the line of what it reached when the text does not go on", () => {
    expect(at(["retry", "deadline"])).toBe(14);
    expect(at(["plugins", 4, "metrics", 0])).toBe(8);
    expect(at(["plugins", 2, 0, 1])).toBe(6);
  });

  it("does not count over a spread", () => {
    expect(at(["plugins", 6, "port"])).toBe(5);
  });

  it("finds the object behind a name and without a call", () => {
    const place = { line: 1, column: 34, length: 1 };
    expect(
      locate("const config = { server: { port: 1 } };\nexport default config;", { path: ["server", "port"] }),
    ).toEqual(place);
    expect(locate("export default { server: { port: 1 } }", { path: ["server", "port"] })).toEqual(place);
  });

  it("survives text that is no program", () => {
    for (const text of ["", "export default", "{{{{", "export default ((([", `"unclosed`, "`${`", "/* open"]) {
      expect(locate(text, { path: ["a", 0], needle: "b" })).toBeUndefined();
    }
  });

  it("finds a name in an import", () => {
    expect(locateImport(source, "waygate/plugins/tiers", "tiers")).toEqual({ line: 2, column: 10, length: 5 });
    expect(locateImport(source, "waygate/plugins/tiers", "other")).toBeUndefined();
  });
});
