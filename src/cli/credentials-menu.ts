/** The menu of `proxy credentials`: the seed's entries in the seed's order, and what came since behind them. */
import type { Values } from "./commands.ts";
import { addKey, providerId } from "./credentials-add.ts";
import type { Desk } from "./credentials-desk.ts";
import { type Choice, type Prompts, Stopped } from "./credentials-prompts.ts";
import { collectRows } from "./credentials-rows.ts";
import { chooseKind, signIn } from "./login.ts";
import { printError } from "./print-error.ts";
import type { Terminal } from "./terminal.ts";

/** Runs one of the acts as if it had been typed. */
type RunAct = (act: string, operands: readonly string[], values?: Values) => Promise<number>;

export interface MenuInit {
  readonly terminal: Terminal;
  readonly prompts: Prompts;
  /** Anew for every entry: what one adds the next one shows. */
  open(): Promise<Desk>;
  run(desk: Desk, ...act: Parameters<RunAct>): Promise<number>;
}

type Entry = "login" | "key" | "custom" | "export" | "list" | "remove" | "import" | "check";

const entries: readonly Choice<Entry | "exit">[] = [
  { value: "login", label: "1  Sign in to an account" },
  { value: "key", label: "2  Add an API key" },
  { value: "custom", label: "3  Add an OpenAI-compatible provider" },
  { value: "export", label: "4  Export accounts" },
  { value: "list", label: "5  View keys and accounts" },
  { value: "remove", label: "6  Remove a key or an account" },
  { value: "import", label: "7  Import from other tools" },
  { value: "check", label: "8  Check all live" },
  { value: "exit", label: "9  Exit" },
];

/** Until the person has enough; what fails is shown, and the menu comes again. */
export async function credentialsMenu({ terminal, prompts, open, run }: MenuInit): Promise<number> {
  for (;;) {
    const entry = await prompts.choose("Keys and accounts", entries).catch((error: unknown) => {
      if (error instanceof Stopped) return "exit" as const;
      throw error;
    });
    if (entry === "exit") return 0;
    const desk = await open();
    try {
      const typed = await acts[entry]({ desk, prompts, run: (...act) => run(desk, ...act) });
      terminal.err.line(terminal.err.style.dim(`  the same: ${typed}\n`));
    } catch (error) {
      // Esc goes back to the menu.
      if (!(error instanceof Stopped)) printError(terminal, error);
    } finally {
      await desk.close();
    }
  }
}

interface Acting {
  readonly desk: Desk;
  readonly prompts: Prompts;
  readonly run: RunAct;
}

/** Each resolves with what would have been typed. */
const acts: { readonly [Name in Entry]: (acting: Acting) => Promise<string> } = {
  async login({ desk, prompts }) {
    const kind = await chooseKind(desk, prompts);
    await signIn(desk, { kind, values: {}, prompts });
    return `proxy login ${kind.provider}`;
  },
  async key({ desk, prompts, run }) {
    const known = desk.config.plugins.flatMap((plugin) => (plugin.providers ?? []).map(({ name }) => name));
    const provider = await prompts.text("Which provider?", { placeholder: known[0] ?? "openai" });
    await run("add", [provider], { key: await prompts.secret(`API key of ${provider}`) });
    return `proxy credentials add ${provider} --key -`;
  },
  async custom({ desk, prompts }) {
    const provider = providerId(await prompts.text("A name of yours for it", { placeholder: "lab" }));
    const base = await prompts.text("Its base URL", { placeholder: "http://127.0.0.1:8080/v1" });
    await addKey(desk, { provider, key: undefined, base, prompts });
    return `proxy credentials add ${provider} --base-url ${base} --key -`;
  },
  async export({ prompts, run }) {
    const how = await prompts.choose("How?", [
      { value: "each", label: "1  A file for every account" },
      { value: "combine", label: "2  One file for all" },
    ]);
    const isCombined = how === "combine";
    await run("export", [], { combine: isCombined });
    return `proxy credentials export${isCombined ? " --combine" : ""}`;
  },
  async list({ run }) {
    await run("list", []);
    return "proxy credentials list";
  },
  async remove({ desk, prompts, run }) {
    const providers = [...new Set((await collectRows(desk)).rows.map(({ provider }) => provider))];
    const provider = await prompts.choose(
      "Of which provider?",
      providers.map((value) => ({ value, label: value })),
    );
    await run("remove", [provider]);
    return `proxy credentials remove ${provider} NAME`;
  },
  async import({ run }) {
    await run("import", []);
    return "proxy credentials import";
  },
  async check({ run }) {
    await run("check", []);
    return "proxy credentials check";
  },
};
