/** `proxy keys enable|disable|probe KEY`: tells the running server what to do about one key. */
import { nearest } from "../config/nearest.ts";
import { ConfigError } from "../config/problem.ts";
import type { KeysDocument, KeyStatus } from "../server/key-status.ts";
import { type KeyAct, type KeyActDocument, keyActs } from "../server/routes/key-acts.ts";
import { wrongUse } from "./arguments.ts";
import { askServer } from "./ask-server.ts";
import { type Call, textOf } from "./commands.ts";
import { keyName, markOf } from "./keys.ts";
import { duration, plain } from "./layout.ts";

/** Milliseconds for a server that asks an upstream. */
const LIMIT = 20_000;

interface Found {
  readonly provider: string;
  readonly key: KeyStatus;
}

export async function actOnKey({ terminal, values, operands }: Call): Promise<number> {
  const { out, err, cwd } = terminal;
  const act = actAsked(operands[0] ?? "");
  const place = { cwd, file: textOf(values, "config") };
  const asked = await askServer<KeysDocument>(place, "/api/keys/status");
  if (asked.server === undefined) throw noServer(asked.why, act);
  const { provider, key } = keyAsked(operands[1] ?? "", asked.document, textOf(values, "provider"));
  const path = `/api/keys/${encodeURIComponent(key.id)}/${act}`;
  const done = await askServer<KeyActDocument>(place, path, {
    body: { reason: textOf(values, "reason") },
    limit: LIMIT,
  });
  if (done.server === undefined) throw noServer(done.why, act);
  const { probe, state, reason } = done.document;
  if (values["json"] === true) out.line(JSON.stringify({ server: done.server, ...done.document }, undefined, 2));
  else {
    const name = plain(`${provider} ${nameOf(key)}`);
    out.line(`${markOf(state, out.style)} ${name}  ${state}${reason === null ? "" : `  ${plain(reason)}`}`);
    if (probe?.ok === true) err.line(`It answers, in ${duration(probe.ms)}.`);
    if (probe?.ok === false) err.line(`It does not answer: ${plain(probe.error ?? "")}`);
  }
  return probe?.ok === false ? 1 : 0;
}

function actAsked(word: string): KeyAct {
  const act = keyActs.find((each) => each === word);
  if (act !== undefined) return act;
  const near = nearest(word, keyActs) ?? keyActs[0];
  throw new ConfigError([
    wrongUse(
      `proxy keys cannot ${JSON.stringify(plain(word))}`,
      `It can ${keyActs.join(", ")}.`,
      `proxy keys ${near} KEY`,
    ),
  ]);
}

/** By its label, its mask or its id, with or without the provider before it. */
export function keyAsked(name: string, { providers }: KeysDocument, only: string | undefined): Found {
  const all = providers
    .filter(({ provider }) => only === undefined || provider.replaceAll("-", "_") === only.replaceAll("-", "_"))
    .flatMap(({ provider, keys }) => keys.map((key): Found => ({ provider, key })));
  const found = all.filter(({ provider, key }) =>
    namesOf(key).some((each) => each === name || `${provider}/${each}` === name),
  );
  if (found.length === 1) return found[0]!;
  const shown = JSON.stringify(plain(name));
  if (found.length > 1) {
    const ids = found.map(({ key }) => key.id);
    throw new ConfigError([
      wrongUse(`${shown} is the name of several keys`, `They are ${ids.join(", ")}.`, `Name one of them by its id.`),
    ]);
  }
  const near = nearest(
    name,
    all.flatMap(({ key }) => namesOf(key)),
  );
  throw new ConfigError([
    wrongUse(
      `There is no key ${shown}`,
      "A key goes by its label, by what proxy keys shows of it, or by its id.",
      near === undefined ? "proxy keys" : `Write ${JSON.stringify(near)}.`,
    ),
  ]);
}

function namesOf(key: KeyStatus): string[] {
  return [nameOf(key), key.id, key.label, key.masked].filter((name) => name !== null);
}

function nameOf({ id, label, masked }: KeyStatus): string {
  return keyName({ id, label: label ?? undefined, masked: masked ?? undefined });
}

function noServer(why: string, act: KeyAct): ConfigError {
  return new ConfigError([
    {
      code: "no_server",
      path: [],
      what: `Nobody is there to ${act} a key`,
      why: `States of keys belong to a running server: ${plain(why)}.`,
      fix: "proxy start",
    },
  ]);
}
