/** `proxy credentials …`: keys and accounts listed, added, removed, moved and checked. */
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import { wrongUse } from "./arguments.ts";
import type { Call, Values } from "./commands.ts";
import { addCredential } from "./credentials-add.ts";
import { checkCredentials } from "./credentials-check.ts";
import { type Desk, openDesk } from "./credentials-desk.ts";
import { exportCredentials } from "./credentials-export.ts";
import { importCredentials } from "./credentials-import.ts";
import { listCredentials } from "./credentials-list.ts";
import { credentialsMenu } from "./credentials-menu.ts";
import { mustBeGiven, type Prompts, promptsAt, Stopped } from "./credentials-prompts.ts";
import { removeCredential } from "./credentials-remove.ts";
import { plain } from "./layout.ts";

interface Act {
  /** Operands at most. */
  readonly takes: number;
  /** Options besides those of all. */
  readonly options: readonly string[];
  run(desk: Desk, call: Acting): Promise<number>;
}

interface Acting {
  readonly values: Values;
  readonly operands: readonly string[];
  readonly prompts: Prompts | undefined;
}

const loginOptions = ["account", "port", "browser", "paste"];

const acts: { readonly [name: string]: Act } = {
  list: { takes: 1, options: ["state"], run: listCredentials },
  add: { takes: 1, options: ["key", "base-url", ...loginOptions], run: addCredential },
  remove: { takes: 2, options: ["yes"], run: removeCredential },
  import: { takes: 2, options: ["all", "yes", "replace", "account"], run: importCredentials },
  export: { takes: 2, options: ["out", "combine", "force"], run: exportCredentials },
  check: { takes: 2, options: ["state"], run: checkCredentials },
};

const general = ["json", "config", "color", "ascii", "verbose", "help", "version", "add-credential"];

export async function credentials(call: Call, ask: typeof promptsAt = promptsAt): Promise<number> {
  const { terminal, values, operands } = call;
  const [name, ...rest] = operands;
  const act = name === undefined ? undefined : actAsked(name, rest, values);
  const prompts = ask(terminal, values);
  if (act === undefined && prompts === undefined) {
    throw mustBeGiven("proxy credentials needs to know what to do", `proxy credentials ${Object.keys(acts).join("|")}`);
  }
  if (act === undefined) {
    const run = (desk: Desk, each: string, given: readonly string[], more: Values = {}): Promise<number> =>
      acts[each]!.run(desk, { values: { ...values, ...more }, operands: given, prompts });
    return credentialsMenu({ terminal, prompts: prompts!, open: () => openDesk(call), run });
  }
  const desk = await openDesk(call);
  try {
    return await act.run(desk, { values, operands: rest, prompts });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    terminal.err.line("Nothing was changed.");
    return 1;
  } finally {
    await desk.close();
  }
}

/** Throws a `ConfigError` of wrong use. */
function actAsked(name: string, operands: readonly string[], values: Values): Act {
  const act = acts[name];
  const all = Object.keys(acts);
  if (act === undefined || !Object.hasOwn(acts, name)) {
    const what = `proxy credentials cannot ${JSON.stringify(plain(name))}`;
    throw new ConfigError([
      wrongUse(what, `It can ${all.join(", ")}.`, `proxy credentials ${nearest(name, all) ?? "list"}`),
    ]);
  }
  const extra = operands[act.takes];
  if (extra !== undefined) {
    const what = `proxy credentials ${name} does not take ${JSON.stringify(plain(extra))}`;
    throw new ConfigError([wrongUse(what, "Nothing would read it.", "proxy credentials --help")]);
  }
  const unread = Object.keys(values).find((option) => !general.includes(option) && !act.options.includes(option));
  if (unread === undefined) return act;
  const what = `proxy credentials ${name} does not take --${unread}`;
  throw new ConfigError([wrongUse(what, "Nothing would read it.", "proxy credentials --help")]);
}
