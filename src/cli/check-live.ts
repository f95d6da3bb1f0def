/** Asks every provider for its models with every key: the cheapest question that a bad key cannot answer. */
import { ConfigError } from "../config/problem.ts";
import { maskSecrets } from "../failure/mask.ts";
import type { Credential, Provider } from "../plugin/provider.ts";
import { internalsOf } from "../proxy.ts";
import type { Proxy } from "../proxy-options.ts";
import { keyName, racksOf } from "./keys.ts";
import { count, duration, pad, plain } from "./layout.ts";
import type { Out } from "./terminal.ts";

export interface Probe {
  readonly provider: string;
  readonly key: string;
  readonly state: "answers" | "failed" | "not checked";
  /** Models found, or what went wrong. */
  readonly detail: string;
  readonly ms: number;
}

const LIMIT = 5000;
const AT_ONCE = 8;

/** One probe per key that is wanted, in config order; keys of a provider without a list are named as not checked. */
export async function probeKeys(
  proxy: Proxy,
  isWanted: (credential: Credential) => boolean = () => true,
): Promise<readonly Probe[]> {
  const { app } = internalsOf(proxy).pipeline;
  const keys = racksOf(app).flatMap(({ provider, keys: held }) =>
    held.flatMap(({ credential }) => (isWanted(credential) ? [{ provider, credential }] : [])),
  );
  const probes: Probe[] = [];
  const queue = keys.entries();
  const work = async (): Promise<void> => {
    for (const [index, { provider, credential }] of queue) probes[index] = await probe(provider, credential);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return probes;
}

/** `✔ openai sk-o…02bd  41 models, 320 ms`; with words and tabs for programs. */
export function probeLines(probes: readonly Probe[], out: Out): string[] {
  const { green, red, dim } = out.style;
  const marks = { answers: green("✔"), failed: red("✘"), "not checked": dim("·") };
  const width = Math.max(0, ...probes.map(({ provider, key }) => provider.length + 1 + key.length));
  return probes.map(({ provider, key, state, detail, ms }) => {
    if (!out.isTerminal) return [state, provider, key, detail, `${ms} ms`].join("\t");
    const time = state === "not checked" ? "" : `, ${duration(ms)}`;
    return `${marks[state]} ${pad(`${provider} ${key}`, width)}  ${detail}${time}`;
  });
}

async function probe(provider: Provider, credential: Credential): Promise<Probe> {
  const about = { provider: provider.name, key: keyName(credential) };
  const { discover } = provider;
  if (!discover) {
    const detail = "not checked: the provider has no list of models to ask for";
    return { ...about, state: "not checked", detail, ms: 0 };
  }
  return probeWithin({ ...about, limit: LIMIT }, async (signal) =>
    count((await discover.call(provider, credential, signal)).length, "model"),
  );
}

export interface ProbeWithin extends Pick<Probe, "provider" | "key"> {
  /** Milliseconds. */
  readonly limit: number;
}

/** What `ask` resolves with is the detail; what it rejects with is shown without secrets. */
export async function probeWithin(
  { provider, key, limit: ms }: ProbeWithin,
  ask: (signal: AbortSignal) => Promise<string>,
): Promise<Probe> {
  const began = performance.now();
  const done = (state: Probe["state"], detail: string): Probe => ({
    provider,
    key,
    state,
    detail,
    ms: Math.round(performance.now() - began),
  });
  const limit = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new Error(`no answer within ${ms / 1000} s`);
        limit.abort(error);
        reject(error);
      }, ms);
    });
    return done("answers", await Promise.race([ask(limit.signal), late]));
  } catch (error) {
    return done("failed", reasonOf(error));
  } finally {
    clearTimeout(timer);
  }
}

/** One line; of a problem in the house form what, why and fix. */
function reasonOf(error: unknown): string {
  const said = ConfigError.is(error)
    ? error.problems.map(({ what, why, fix }) => `${what}. ${why} ${fix}`).join(" ")
    : error instanceof Error
      ? error.message
      : String(error);
  return plain(maskSecrets(said)).slice(0, 300).replace(/\.$/, "");
}
