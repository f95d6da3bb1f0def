/** The table of variables, and the code that it is about. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { fromEnv } from "waygate/plugins/from-env";
import { variableGroups } from "../../../plugins/from-env/variables/all.ts";
import { patternOf, type Variable } from "../../../plugins/from-env/variables/row.ts";
import { envExample } from "../../../scripts/environment.build.ts";
import { ConfigError } from "../../../src/config/problem.ts";
import { expanded, newFolder, setEnvironment, type Variables } from "./_folder.ts";

/** What every plugin was made with, instead of what came of it: the same options are the same plugin. */
const made = vi.hoisted(() => [] as string[]);
const recording = vi.hoisted(() => async (original: () => Promise<object>): Promise<object> => {
  const exports = Object.entries(await original()).map(([name, value]) => {
    if (typeof value !== "function") return [name, value];
    const make = value as (...given: unknown[]) => unknown;
    return [name, (...given: unknown[]) => (made.push(`${name}(${JSON.stringify(given)})`), make(...given))];
  });
  return Object.fromEntries(exports) as object;
});
vi.mock("waygate/plugins/antigravity", recording);
vi.mock("waygate/plugins/client-filter", recording);
vi.mock("waygate/plugins/concurrency", recording);
vi.mock("waygate/plugins/g4f", recording);
vi.mock("waygate/plugins/gemini-cli", recording);
vi.mock("waygate/plugins/iflow", recording);
vi.mock("waygate/plugins/model-filter", recording);
vi.mock("waygate/plugins/ollama", recording);
vi.mock("waygate/plugins/openai", recording);
vi.mock("waygate/plugins/openai-compatible", recording);
vi.mock("waygate/plugins/prompt-filter", recording);
vi.mock("waygate/plugins/proxy-key", recording);
vi.mock("waygate/plugins/puter", recording);
vi.mock("waygate/plugins/qwen-code", recording);
vi.mock("waygate/plugins/queue", recording);
vi.mock("waygate/plugins/quota-groups", recording);
vi.mock("waygate/plugins/request-caps", recording);
vi.mock("waygate/plugins/rotate", recording);
vi.mock("waygate/plugins/temperature-zero", recording);
vi.mock("waygate/plugins/users", recording);

const root = fileURLToPath(new URL("../../../", import.meta.url));
const rows = variableGroups.flatMap(({ variables }) => variables);
const read = rows.filter(({ becomes, readBy }) => becomes !== undefined && readBy === undefined);

/** Enough that every variable has something to be about. */
const base: Variables = {
  OPENAI_API_KEY: "sk-base",
  LAB_API_BASE: "http://127.0.0.1:9/v1",
  GEMINI_CLI_1_ACCESS_TOKEN: "a",
  GEMINI_CLI_1_REFRESH_TOKEN: "r",
  ANTIGRAVITY_1_ACCESS_TOKEN: "a",
  ANTIGRAVITY_1_REFRESH_TOKEN: "r",
  QWEN_CODE_API_KEY: "q",
  IFLOW_API_KEY: "i",
};

/** Everything that the environment makes, or the error. */
function effect(variables: Variables): string {
  setEnvironment(variables);
  made.length = 0;
  try {
    const { names, providers, retry, timeouts, server } = expanded([fromEnv()], newFolder());
    return JSON.stringify({ names, providers, retry, timeouts, server, made });
  } catch (error) {
    if (!ConfigError.is(error)) throw error;
    return error.problems.map(({ what }) => what).join();
  }
}

/** The other name of a variable counts where that one holds nothing. */
function without(name: string): Variables {
  if (name === "OPENAI_KEY") return without("OPENAI_API_KEY");
  return Object.fromEntries(Object.entries(base).filter(([each]) => each !== name));
}

/** What a variable needs beside it, and what that needs. */
function besides({ beside }: Variable): Variables {
  if (beside === undefined) return {};
  const name = beside.slice(0, beside.indexOf("="));
  const row = rows.find((each) => patternOf(each).test(name))!;
  return { [name]: beside.slice(name.length + 1), ...besides(row) };
}

/** A name that the row is about, and a value for it. */
function assignment({ name, example, sample }: Variable): readonly [name: string, value: string] {
  const written = example ?? sample;
  if (written !== undefined) return [written.slice(0, written.indexOf("=")), written.slice(written.indexOf("=") + 1)];
  const values: { readonly [part: string]: string } = {
    "<PROVIDER>": "MISTRAL",
    "<ENDPOINT>": "GROQ",
    "<N>": "3",
    "<MODE>": "BALANCED",
  };
  return [
    name.replaceAll(/<[A-Z]+>/g, (part) => values[part] ?? "X"),
    name.endsWith("_FILE") ? "/run/none" : "some-value",
  ];
}

describe("what the table says becomes of a variable, becomes of it", () => {
  test.each(read.map((row) => [row.name, row] as const))("%s", (_name, row) => {
    const [name, value] = assignment(row);
    const others = { ...without(name), ...besides(row) };
    const before = effect(others);
    const after = effect({ ...others, [name]: value });
    expect(after).not.toBe(before);
  });

  test("what is ignored changes nothing", () => {
    for (const row of rows.filter(({ ignored }) => ignored !== undefined)) {
      const [name] = assignment(row);
      expect(`${name} ${effect({ ...base, [name]: "1" })}`).toBe(`${name} ${effect(base)}`);
    }
  });

  test("every row says one of the two, and what the examples assign is that row's", () => {
    for (const row of rows) {
      const said = [row.becomes, row.ignored].filter((text) => text !== undefined);
      expect([row.name, said.length]).toEqual([row.name, 1]);
      expect(assignment(row)[0]).toMatch(patternOf(row));
    }
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  });
});

/** Of the system, of the terminal and of other programs. */
const system =
  /^(?:PATH|Path|HOME|LOCALAPPDATA|NO_COLOR|FORCE_COLOR|TERM|LANG|LC_ALL|LC_CTYPE|SSH_\w+|WSL_DISTRO_NAME|(?:WAYLAND_)?DISPLAY)$/;

describe("what the code reads stands in the table", () => {
  const sources = ["src", "plugins"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(folder, file)),
  );
  const isListed = (name: string): boolean => rows.some((row) => patternOf(row).test(name));

  test("as a name", () => {
    const names = sources.flatMap((file) => {
      const text = readFileSync(join(root, file), "utf8");
      return [...text.matchAll(/\benv(?:\.|\[")([A-Z][A-Z\d_]+)\b/g)].map(([, name = ""]) => `${file}: ${name}`);
    });
    expect(names.length).toBeGreaterThan(20);
    const missing = names.filter((each) => !isListed(each.split(": ")[1]!) && !system.test(each.split(": ")[1]!));
    expect(missing).toEqual([]);
  });

  test("as a name that is put together from a prefix, of accounts", async () => {
    const modules = ["gemini-cli", "antigravity", "qwen-code", "iflow"].map((name) => `waygate/plugins/${name}`);
    for (const module of modules) {
      const [make] = Object.values((await import(module)) as { [name: string]: () => { accounts: readonly [Kind] } });
      const { prefix, variables } = make!().accounts[0];
      const known = rows.flatMap(({ name }) =>
        name.startsWith(`${prefix}_<N>_`) ? [name.slice(`${prefix}_<N>`.length)] : [],
      );
      expect([module, ...known.toSorted()]).toEqual([module, ...variables.map(({ suffix }) => suffix).toSorted()]);
    }
  });

  test("and who is said to read a variable does", () => {
    for (const { name, readBy } of rows) {
      if (readBy === undefined) continue;
      if (!existsSync(join(root, readBy))) expect.fail(`${readBy} is not there.`);
      if (name.includes("<") || readBy === "src/accounts/environment.ts" || name.endsWith("_API_BASE")) continue;
      expect(readFileSync(join(root, readBy), "utf8")).toContain(name);
    }
  });
});

interface Kind {
  readonly prefix: string;
  readonly variables: readonly { readonly suffix: string }[];
}

describe(".env.example", () => {
  const written = readFileSync(join(root, ".env.example"), "utf8");

  test("is as the list of variables has it", () => {
    expect(written).toContain("OPENAI_API_KEY");
    // Not `toBe`, whose report of a difference would be as long as the file.
    if (written !== envExample()) expect.fail(".env.example is not as the sources are. Run: npm run environment");
  });

  test("is a list of comments, in which what looks like a secret is refused", () => {
    const lines = written.split("\n").filter((line) => line !== "");
    expect(lines.filter((line) => !line.startsWith("#"))).toEqual([]);
    const secrets = lines.flatMap((line) => {
      const [, name = "", value = ""] = /^# ([A-Z][A-Z\d_]*)=(.*)$/.exec(line) ?? [];
      return /KEYS?(?:_\d+)?$|PASSWORD$/.test(name) && !name.includes("PER_KEY") && value !== ""
        ? [[name, value] as const]
        : [];
    });
    expect(secrets.length).toBeGreaterThan(15);
    for (const [name, value] of secrets) {
      // Where the key is the proxy's own, it is asked for by the plugin that the command line lists beside.
      expect(`${name}: ${effect({ [name]: value })}`).toMatch(/holds a placeholder/);
    }
  });
});
