import { describe, expect, it } from "vitest";
import { seededRandom } from "waygate/testing";
import { describePlace, jsonFault } from "../../src/wire/json-fault.ts";

const valid = '{"a":[1,-0.5e+3,true,null,{"b\\u00e9\\n":"x\\"y"}],"":{},"c":[],"d":[[{}]]}';

describe("jsonFault", () => {
  it("finds the place that JSON.parse names, where it names one", () => {
    const random = seededRandom(7);
    let compared = 0;
    for (let round = 0; round < 5000; round++) {
      const at = Math.floor(random() * valid.length);
      const put = ['"', "{", "}", "[", "]", ",", ":", "x", "1", "\\", " ", ""][Math.floor(random() * 12)]!;
      const text = valid.slice(0, at) + put + valid.slice(at + Math.floor(random() * 3));
      const message = problemOf(text);
      if (message === undefined) continue;
      const named = /at position (\d+)/.exec(message)?.[1];
      if (named === undefined) continue;
      compared++;
      // Within a wrong escape, number or word V8 points at the letter that is wrong, this at where it begins.
      const ahead = Number(named) - jsonFault(text);
      if (ahead < 0 || ahead > 5) expect.fail(`${text} is wrong at ${named}, not ${ahead} before it`);
    }
    expect(compared).toBeGreaterThan(500);
  });

  it("takes every valid text to its end", () => {
    for (const text of [valid, "1", '"x"', " [ ] ", "null\n"]) expect(jsonFault(text)).toBe(text.length);
  });

  it("follows any depth", () => {
    expect(jsonFault("[".repeat(200_000))).toBe(200_000);
    expect(jsonFault(`${"[".repeat(200_000)}}`)).toBe(200_000);
  });
});

describe("describePlace", () => {
  it("counts lines and columns from 1", () => {
    expect(describePlace("ab", 0)).toBe("at position 0 (line 1 column 1)");
    expect(describePlace("a\nbc\n\nd", 3)).toBe("at position 3 (line 2 column 2)");
    expect(describePlace("a\nbc\n\nd", 6)).toBe("at position 6 (line 4 column 1)");
  });
});

function problemOf(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
