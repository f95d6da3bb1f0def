/** What is done to the proxy while it works: configs change, keys are taken out and put back, it is ended and killed. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Chance } from "../../src/simulation/chance.ts";
import type { KeysDocument } from "../../src/server/key-status.ts";
import { DRAIN, labelOf, MARK, type Plan } from "./plan.ts";
import type { Journal } from "./rules.ts";
import { command, type Running, type ServerInit, startServer } from "./server.ts";

export type Act = "reload" | "spoil" | "end" | "kill" | "disable";

/** A key that must not be asked. */
export interface Disabled {
  readonly key: string;
  readonly since: number;
  until: number;
}

export interface OperatorInit extends Omit<ServerInit, "onRequest"> {
  readonly onRequest: (line: Parameters<ServerInit["onRequest"]>[0], life: number) => void;
  readonly plan: Plan;
  readonly chance: Chance;
  readonly journal: Journal;
  /** Another edition of the config. */
  readonly edition: () => string;
}

export interface Operator {
  /** All processes so far, the last one in force. */
  readonly lives: readonly Running[];
  readonly disabled: readonly Disabled[];
  readonly done: ReadonlyMap<Act, number>;
  start(): Promise<void>;
  act(act: Act): Promise<void>;
  /** Every key that rests and was not disabled may be used again. */
  heal(): Promise<void>;
  keys(): Promise<KeysDocument>;
  settled(): Promise<void>;
}

export function createOperator({ plan, chance, journal, edition, onRequest, ...init }: OperatorInit): Operator {
  const { folder, port } = init;
  const lives: Running[] = [];
  const disabled: Disabled[] = [];
  const done = new Map<Act, number>();
  const enabling: Promise<void>[] = [];

  const write = (text: string): void => {
    const draft = join(folder, "draft");
    writeFileSync(draft, text);
    renameSync(draft, join(folder, "proxy.config.ts"));
  };
  const start = async (): Promise<void> => {
    const life = lives.length;
    lives.push(await startServer({ ...init, onRequest: (line) => onRequest(line, life) }));
  };
  const current = (): Running => lives.at(-1)!;
  const asked = async <T>(path: string, method = "GET"): Promise<T> => {
    const { token } = JSON.parse(readFileSync(join(folder, ".waygate", "run.json"), "utf8")) as { token: string };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { "x-waygate-admin": token } });
    if (response.status !== 200) throw new Error(`${path} is answered with ${response.status}`);
    return (await response.json()) as T;
  };
  const keys = (): Promise<KeysDocument> => asked("/api/keys/status");

  /** It was told to end, or another has come, since. */
  const isDown = (since: number): boolean => current().stopping !== undefined || current().readyAt > since;

  const disable = async (own: Chance): Promise<void> => {
    const provider = own.pick(plan.providers);
    const place = own.below(provider.keys.length);
    const key = provider.keys[place]!;
    if (disabled.some((each) => each.key === key && each.until === Infinity)) return;
    const began = performance.now();
    const keysAct = async (act: string): ReturnType<typeof command> => {
      const ended = await command(init, ["keys", act, labelOf(provider.name, place), "--provider", provider.name]);
      if (ended.text.includes(MARK)) journal.violate("no-secret", `keys ${act} prints ${ended.text}`);
      return ended;
    };
    const { code, text } = await keysAct("disable");
    if (code !== 0) {
      if (!isDown(began)) journal.violate("disabled-rests", `keys disable ended with ${code}: ${text}`);
      return;
    }
    const entry: Disabled = { key, since: performance.now(), until: Infinity };
    disabled.push(entry);
    const back = async (): Promise<void> => {
      await sleep(1000 + own.below(4000));
      for (let tries = 0; ; tries++) {
        const at = performance.now();
        entry.until = Math.min(entry.until, at);
        const enabled = await keysAct("enable");
        if (enabled.code === 0) return;
        if (!isDown(at) || tries > 20) return journal.violate("disabled-rests", `keys enable: ${enabled.text}`);
        await sleep(500);
      }
    };
    enabling.push(back());
  };

  const acts: { readonly [Name in Act]: (own: Chance) => Promise<void> } = {
    async reload(own) {
      const server = current();
      server.mark();
      write(edition());
      // Sometimes what comes next finds the reload on its way.
      if (own.happens(0.3)) return;
      await server
        .saw(/✔ reloaded|v reloaded/, 30_000)
        .catch((error: unknown) => journal.violate("ends-in-order", String(error)));
    },
    async spoil() {
      const server = current();
      const good = edition();
      server.mark();
      write(`${good}\nthis is no code (`);
      await server
        .saw(/Not reloaded/, 30_000)
        .catch((error: unknown) => journal.violate("ends-in-order", String(error)));
      server.mark();
      write(good);
      await server.saw(/reloaded/, 30_000).catch((error: unknown) => journal.violate("ends-in-order", String(error)));
    },
    async end() {
      const began = performance.now();
      const { code, signal, at } = await current().stop("SIGTERM");
      if (code !== 0) journal.violate("ends-in-order", `SIGTERM ends it with ${code ?? signal}`);
      if (at - began > DRAIN + 4000) journal.violate("ends-in-order", `SIGTERM took ${Math.round(at - began)} ms`);
      await start();
    },
    async kill() {
      await current().stop("SIGKILL");
      await start();
    },
    disable,
  };

  return {
    lives,
    disabled,
    done,
    start: () => {
      write(edition());
      return start();
    },
    async act(act) {
      journal.note(act);
      done.set(act, (done.get(act) ?? 0) + 1);
      await acts[act](chance.fork(`${act} ${done.get(act)}`));
    },
    keys,
    async heal() {
      for (const { keys: all } of (await keys()).providers) {
        for (const { id, state, models } of all) {
          if (state === "disabled" || (state === "active" && models.length === 0)) continue;
          await asked(`/api/keys/${encodeURIComponent(id)}/enable`, "POST");
        }
      }
    },
    async settled() {
      await Promise.all(enabling);
    },
  };
}
