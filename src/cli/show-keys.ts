/** `proxy keys`: every key with its state, from the running server; without one, the keys of the config. */
import { normalizeId } from "../candidates/keys.ts";
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import { createLog } from "../log.ts";
import { internalsOf } from "../proxy.ts";
import { type KeysDocument, keysDocument, type KeyStatus } from "../server/key-status.ts";
import { wrongUse } from "./arguments.ts";
import { askServer } from "./ask-server.ts";
import { boot, type Source } from "./boot.ts";
import { type Call, textOf } from "./commands.ts";
import { keysTable, keysTotal } from "./keys-table.ts";
import { needsYou, shownStates } from "./keys.ts";
import { plain } from "./layout.ts";

export async function showKeys(call: Call): Promise<number> {
  const { terminal, values, operands } = call;
  if (operands.length > 0) return (await import("./act-on-key.ts")).actOnKey(call);
  const { out, err, cwd } = terminal;
  const state = stateAsked(textOf(values, "state"));
  const asked = await askServer<KeysDocument>({ cwd, file: textOf(values, "config") }, "/api/keys/status");
  const all = asked.server === undefined ? await keysOf(asked.source) : asked.document;
  const some = onlyProvider(all, textOf(values, "provider"));
  const shown = onlyState(some, state);

  if (values["json"] === true) {
    out.line(JSON.stringify({ server: asked.server ?? null, ...shown }, undefined, 2));
    return 0;
  }
  for (const line of keysTable(shown, out)) out.line(line);
  const end = out.isTerminal ? out : err;
  const zone = end.isTerminal ? `   ${end.style.dim(Intl.DateTimeFormat().resolvedOptions().timeZone)}` : "";
  end.line(`${keysTotal(some)}${zone}`);
  if (asked.server === undefined) err.line(`No state is known: ${plain(asked.why)}. To start one: proxy start`);
  else if (some.providers.some(({ keys }) => keys.some((key) => needsYou(key.state)))) {
    err.line(`${err.style.dim("next")}  ${err.style.cyan("proxy check --live")}`);
  }
  return 0;
}

/** Set up as for a start, and asking nobody. */
async function keysOf(source: Source): Promise<KeysDocument> {
  const proxy = await boot(source, { discover: false, log: createLog("error") });
  try {
    return keysDocument(internalsOf(proxy).pipeline.app, { running: false });
  } finally {
    await proxy.close();
  }
}

const needYou = "need-you";

function stateAsked(state: string | undefined): string | undefined {
  const known = [needYou, ...shownStates];
  if (state === undefined || known.includes(state)) return state;
  const near = nearest(state, known);
  const fix = near === undefined ? "proxy keys --state need-you" : `proxy keys --state ${near}`;
  throw new ConfigError([
    wrongUse(`There is no state ${JSON.stringify(plain(state))}`, `The states are ${known.join(", ")}.`, fix),
  ]);
}

function onlyState({ providers, ...rest }: KeysDocument, state: string | undefined): KeysDocument {
  if (state === undefined) return { ...rest, providers };
  const fits = (key: KeyStatus): boolean => (state === needYou ? needsYou(key.state) : key.state === state);
  const found = providers.map((group) => ({ ...group, keys: group.keys.filter(fits) }));
  return { ...rest, providers: found.filter(({ keys }) => keys.length > 0) };
}

function onlyProvider({ providers, ...rest }: KeysDocument, name: string | undefined): KeysDocument {
  const known = providers.map(({ provider }) => provider);
  const id = name === undefined ? undefined : providerAsked(name, known, "keys");
  return { ...rest, providers: providers.filter(({ provider }) => id === undefined || provider === id) };
}

/** The provider's id as it is spelt. Throws a `ConfigError` of wrong use with the nearest one. */
export function providerAsked(name: string, known: readonly string[], command: string): string {
  const found = known.find((id) => normalizeId(id) === normalizeId(name));
  if (found !== undefined) return found;
  const near = nearest(name, known);
  const fix = near === undefined ? `proxy ${command}` : `proxy ${command} --provider ${near}`;
  const why = known.length === 0 ? "There is none." : `There are ${known.join(", ")}.`;
  throw new ConfigError([wrongUse(`There is no provider ${JSON.stringify(plain(name))}`, why, fix)]);
}
