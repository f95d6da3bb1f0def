/** A proxy without a pipeline: the real pool and model lookup on virtual time, so that one policy is tested alone. */
import { createConsola } from "consola";
import type {
  App,
  Attempt,
  Candidate,
  Context,
  Credential,
  Outcome,
  Plugin,
  Provider,
  Selection,
  Target,
} from "waygate";
import { defineCredential, ProxyError, type ErrorKind, type ProxyErrorInit } from "waygate";
import { createModels } from "../../src/candidates/lookup.ts";
import { createPool, type Pool } from "../../src/candidates/pool.ts";
import { defaults } from "../../src/config/defaults.ts";
import type { HookObject, Hooks } from "../../src/plugin/hooks.ts";
import { memoryState } from "../../src/state/memory.ts";
import { type VirtualClock, virtualClock } from "../../src/testing/virtual-clock.ts";

export interface FakeApp extends App {
  readonly credentials: Pool;
  readonly clock: VirtualClock;
  /** What was logged, as text. */
  readonly lines: string[];
  /** The next numbers of `random()`; afterwards 0.5, where jitter does nothing. */
  readonly dice: number[];
}

export interface FakeAppInit {
  readonly providers?: readonly Provider[];
  readonly aliases?: { readonly [alias: string]: readonly string[] };
  /** Epoch milliseconds. Default noon, so that no day ends by accident. */
  readonly start?: number;
}

export const noon: number = Date.UTC(2026, 0, 1, 12);

export function fakeApp({ providers = [fakeProvider("lab")], aliases = {}, start = noon }: FakeAppInit = {}): FakeApp {
  const clock = virtualClock({ start });
  const lines: string[] = [];
  const dice: number[] = [];
  const write = { log: ({ args }: { args: unknown[] }): void => void lines.push(args.map(String).join(" ")) };
  const unused = (): never => {
    throw new Error("A policy must not need this.");
  };
  return {
    config: { ...defaults, plugins: [], models: {} },
    plugins: [],
    providers,
    credentials: createPool({ clock, provider: (name) => providers.find((provider) => provider.name === name) }),
    models: createModels({ providers, aliases }),
    runtime: { clock, random: () => dice.shift() ?? 0.5, transport: { send: unused, close: async () => {} } },
    state: memoryState(clock),
    log: createConsola({ level: 5, reporters: [write] }),
    protocol: unused,
    clock,
    lines,
    dice,
  };
}

export function fakeProvider(name: string, more: Partial<Provider> = {}): Provider {
  return { name, protocol: "openai-chat", models: [], prepare: (wire) => wire, ...more };
}

/** Credentials `a`, `b` … of a provider, added to the app, as candidates for one model. */
export function fakeCandidates(
  app: App,
  names: readonly (string | Partial<Credential>)[],
  target: Partial<Target> = {},
): Candidate[] {
  const { provider = app.providers[0]!, model = "m", position = 0 } = target;
  return names.map((name) => {
    const more = typeof name === "string" ? { id: name } : name;
    const credential = defineCredential({ id: "?", provider: provider.name, ...more }, {});
    app.credentials.add(credential);
    return { provider, model, credential, position };
  });
}

export function fakeContext(app: App, more: Partial<Context> = {}): Context {
  return {
    id: "request",
    req: new Request("http://localhost/v1/chat/completions"),
    signal: new AbortController().signal,
    app,
    log: app.log,
    protocol: { id: "openai-chat" } as Context["protocol"],
    operation: "generate",
    body: undefined as never,
    stream: false,
    principal: undefined,
    ip: undefined,
    attempts: [],
    decisions: [],
    model: "m",
    request: undefined as never,
    get: () => undefined,
    set: () => {},
    ...more,
  };
}

export function fakeAttempt(candidate: Candidate, ctx: Context, more: Partial<Attempt> = {}): Attempt {
  return {
    ctx,
    index: 0,
    candidate,
    provider: candidate.provider,
    model: candidate.model,
    credential: candidate.credential,
    protocol: ctx.protocol,
    signal: ctx.signal,
    wire: { url: "/chat/completions", method: "POST", headers: {}, body: undefined },
    status: undefined,
    error: undefined,
    startedAt: ctx.app.runtime.clock.now(),
    headersAt: undefined,
    firstByteAt: undefined,
    endedAt: undefined,
    committed: false,
    lose: () => {},
    defer: () => {},
    ...more,
  };
}

export function fakeError(kind: ErrorKind, more: Partial<ProxyErrorInit> = {}): ProxyError {
  return new ProxyError({ kind, message: `a test says ${kind}`, ...more });
}

export function fakeOutcome(answeredBy: Attempt, more: Partial<Outcome> = {}): Outcome {
  return {
    status: 200,
    end: "complete",
    path: "bytes",
    error: undefined,
    usage: undefined,
    finish: "stop",
    bytes: 1,
    startedAt: answeredBy.startedAt,
    firstByteAt: undefined,
    endedAt: answeredBy.startedAt,
    losses: [],
    answeredBy,
    ...more,
  };
}

export interface FakeSelection extends Selection {
  readonly moves: { readonly candidate: Candidate; readonly reason: string }[];
}

export function fakeSelection(detailed = false): FakeSelection {
  const moves: FakeSelection["moves"][number][] = [];
  return { detailed, moves, drop: () => {}, move: (candidate, reason) => void moves.push({ candidate, reason }) };
}

/** A plugin's hook, whichever way it is written; throws when there is none. */
export function hookOf<Name extends keyof Hooks>(plugin: Plugin, name: Name): HookObject<Hooks[Name]> {
  const hook = plugin.hooks?.[name];
  if (hook === undefined) throw new Error(`${plugin.name} has no ${name} hook`);
  return (typeof hook === "function" ? { handler: hook } : hook) as HookObject<Hooks[Name]>;
}

/** What `selectKey` makes of the candidates. */
export function select(
  plugin: Plugin,
  candidates: readonly Candidate[],
  ctx: Context,
  selection: Selection = fakeSelection(),
): readonly Candidate[] {
  return hookOf(plugin, "selectKey").handler(candidates, ctx, selection) as readonly Candidate[];
}

export function idsOf(candidates: readonly Candidate[]): string {
  return candidates.map(({ credential }) => credential.id).join(" ");
}
