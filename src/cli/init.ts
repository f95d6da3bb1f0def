/** `proxy init`: a config and a fresh key to begin with. Nothing that is there is overwritten unless forced. */
import { randomBytes } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../config/problem.ts";
import { configNames } from "../load/find.ts";
import type { Call } from "./commands.ts";
import type { Terminal } from "./terminal.ts";

const template = `import { defineConfig } from "waygate";
import { echo } from "waygate/plugins/echo";
import { fromEnv } from "waygate/plugins/from-env";
// import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { resilience } from "waygate/plugins/resilience";

export default defineConfig({
  // Only what is listed here is active.
  plugins: [
    // Clients show PROXY_API_KEY from .env.
    proxyKey(),

    // Every provider whose keys are in .env: OPENAI_API_KEY, or OPENAI_API_KEY_1, OPENAI_API_KEY_2 and so on.
    // What is listed here by itself goes before what is found there.
    fromEnv(),
    // openaiCompatible({ name: "lab", baseURL: "http://127.0.0.1:11434/v1", keyless: true }),

    // Spreads requests over the keys and lets rest what fails.
    resilience(),

    // Answers without network and key, as the model echo/echo. Remove it when a provider answers.
    echo(),
  ],

  // Names of your own, each tried from left to right.
  models: {
    // smart: ["openai/gpt-5", "groq/openai/gpt-oss-120b"],
  },
});
`;

export async function init({ terminal, values }: Call): Promise<number> {
  const { out, err, cwd } = terminal;
  const isForced = values["force"] === true;
  const config = await configToWrite(cwd, isForced);
  const key = randomBytes(32).toString("hex");

  const env = await writeEnv(join(cwd, ".env"), key, isForced);
  await writeFile(join(cwd, config), template);
  const done = err.style.green("✔");
  err.line(`${done} ${config}`);
  if (env !== "kept") {
    err.line(`${done} .env with a new key for your clients. It is shown this once:`);
    err.line();
    out.line(`PROXY_API_KEY=${key}`);
    err.line();
  } else err.line(await aboutKeptEnv(cwd));
  if (await ignoreEnv(join(cwd, ".gitignore"))) err.line(`${done} .gitignore leaves .env out`);
  nextSteps(terminal, config);
  return 0;
}

/** The name to write to: the file that is there, when forced. */
async function configToWrite(cwd: string, isForced: boolean): Promise<string> {
  const there: string[] = [];
  for (const name of configNames) if ((await textOf(join(cwd, name))) !== undefined) there.push(name);
  const [first] = there;
  if (first === undefined) return "proxy.config.ts";
  if (isForced && first === "proxy.config.ts") return first;
  throw new ConfigError([
    {
      code: "config_exists",
      path: [],
      file: join(cwd, first),
      what: "There is a config already; nothing was written",
      why: isForced
        ? `${first} would win or lose against a new proxy.config.ts.`
        : "It may hold what cannot be written again.",
      fix: isForced ? `Remove ${first} first.` : "proxy init --force overwrites it. To look at it: proxy check",
    },
  ]);
}

/** A file that is there keeps every other line even when forced: it holds the provider keys. */
async function writeEnv(file: string, key: string, isForced: boolean): Promise<"written" | "kept"> {
  const before = await textOf(file);
  if (before !== undefined && !isForced) return "kept";
  const line = `PROXY_API_KEY=${key}`;
  const assignment = /^(?:export\s+)?PROXY_API_KEY\s*=.*$/m;
  const text =
    before === undefined
      ? `# Clients show this key.\n${line}\n\n# Keys of providers, for instance:\n# OPENAI_API_KEY=\n`
      : assignment.test(before)
        ? before.replace(assignment, line)
        : `${before}${before === "" || before.endsWith("\n") ? "" : "\n"}${line}\n`;
  await writeFile(file, text, { mode: 0o600 });
  // The mode above holds for new files only.
  await chmod(file, 0o600);
  return "written";
}

async function aboutKeptEnv(cwd: string): Promise<string> {
  const hasKey = /^(?:export\s+)?PROXY_API_KEY\s*=\s*\S/m.test((await textOf(join(cwd, ".env"))) ?? "");
  if (hasKey) return "· .env is kept as it was; its PROXY_API_KEY is what clients show";
  return `· .env is kept as it was. It has no PROXY_API_KEY; to add one:\n  echo "PROXY_API_KEY=$(openssl rand -hex 32)" >> .env`;
}

/** True when a line was added. Without the file there may be no repository, and none is begun. */
async function ignoreEnv(file: string): Promise<boolean> {
  const text = await textOf(file);
  if (text === undefined || /^\/?\.env\*?\s*$/m.test(text)) return false;
  await writeFile(file, `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}.env\n`);
  return true;
}

function nextSteps({ err }: Terminal, config: string): void {
  const { cyan } = err.style;
  err.line();
  err.line(`next  put the keys of your providers into .env; ${config} has what else there is to say`);
  err.line(`      ${cyan("npx proxy check")}   shows what would run`);
  err.line(`      ${cyan("npx proxy start")}   serves on http://127.0.0.1:8000/v1`);
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
