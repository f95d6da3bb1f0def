/** API keys: where they are found, what cannot be one, and the credential made of one. */
import { createHash } from "node:crypto";
import { ConfigError } from "../config/problem.ts";
import { maskKey } from "../failure/mask.ts";
import type { Credential, Limits } from "../plugin/provider.ts";

/** The secret data of a credential that is an API key. */
export interface ApiKey {
  /** Empty for the anonymous credential of a keyless provider. */
  readonly key: string;
  readonly organization?: string;
  readonly project?: string;
  /** URL of an outbound HTTP proxy for this key. */
  readonly proxy?: string;
  /** The only address this key is for, with its version segment. Default: the provider's. */
  readonly baseURL?: string;
}

/** A key as a config states it. */
export type KeyInput =
  | string
  | {
      readonly value: string;
      /** A name for people. */
      readonly label?: string;
      /** 1 is best. */
      readonly priority?: number;
      /** Share of the requests relative to the other keys. Default 1. */
      readonly weight?: number;
      /** Requests in flight at most. */
      readonly concurrency?: number;
      readonly limits?: Limits;
      readonly organization?: string;
      readonly project?: string;
      readonly proxy?: string;
    };

/** Provider ids are compared in this form, because `-` and `_` are the same in them. */
export function normalizeId(id: string): string {
  return id.replaceAll("-", "_");
}

/** The prefix of a provider's environment variables: `NVIDIA_NIM` for `nvidia-nim`. */
export function environmentPrefix(id: string): string {
  return normalizeId(id).toUpperCase();
}

/**
 * The keys of a provider in the environment: `<ID>_API_KEY` and `<ID>_API_KEYS` (comma or newline separated), then the
 * numbered ones in ascending order. Throws a `ConfigError` that names the variable, never its value, for text that
 * cannot be a key.
 */
export function readKeys(id: string, env: { readonly [name: string]: string | undefined }): string[] {
  const prefix = environmentPrefix(id);
  const found: { name: string; order: number; plural: boolean; value: string }[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || !name.startsWith(`${prefix}_API_KEY`)) continue;
    const tail = /^(S?)(?:_(\d+))?$/.exec(name.slice(prefix.length + "_API_KEY".length));
    if (tail) found.push({ name, value, plural: tail[1] === "S", order: tail[2] === undefined ? -1 : Number(tail[2]) });
  }
  found.sort((a, b) => a.order - b.order || Number(a.plural) - Number(b.plural));
  const keys = found.flatMap(({ name, value, plural }) =>
    (plural ? splitKeys(value) : [value.trim()]).filter((key) => key !== "").map((key) => checkKey(key, name)),
  );
  return [...new Set(keys)];
}

/** The parts of a comma or newline separated list. */
export function splitKeys(list: string): string[] {
  return list.split(/[,\r\n]/).map((part) => part.trim());
}

const placeholders: readonly RegExp[] = [
  /^(\w+-)*(\.{3}|…|x{3,}|\*{3,})$/i,
  /^<.*>$/,
  /^(your|insert|replace|enter|paste)[-_a-z\d]*(key|token|here)[-_a-z\d]*$/i,
  /^change[-_]?me$/i,
  /^(todo|none|null|undefined)$/i,
];

/** Whether a text is one that examples have in the place of a secret. */
export function isPlaceholder(text: string): boolean {
  return placeholders.some((placeholder) => placeholder.test(text));
}

/**
 * Returns the key. Throws a `ConfigError` for a known placeholder and for text that no header can carry; `place` is a
 * variable or an option and is named instead of the value.
 */
export function checkKey(key: string, place: string): string {
  if (isPlaceholder(key)) {
    throw badKey(place, `${place} holds a placeholder, not a key`, "it is the text of an example");
  }
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw badKey(
      place,
      `${place} does not hold a key`,
      "there is a space or another character that no header can carry",
    );
  }
  return key;
}

function badKey(place: string, what: string, why: string): ConfigError {
  return new ConfigError([
    { code: "config_invalid", path: [], what, why, fix: `put a real key there, or remove ${place}` },
  ]);
}

/**
 * A credential whose secret data is out of sight: neither `JSON.stringify` nor an inspection in a log shows it. It is
 * lost when the object is spread.
 */
export function defineCredential<Data>(fields: Omit<Credential, "data">, data: Data): Credential<Data> {
  return Object.defineProperty({ ...fields } as Credential<Data>, "data", { value: data, configurable: true });
}

/** The credential of one API key. Its id is stable over restarts and does not tell the key. */
export function apiKeyCredential(provider: string, input: KeyInput): Credential<ApiKey> {
  const { value, organization, project, proxy, ...rest } = typeof input === "string" ? { value: input } : input;
  const key = checkKey(value.trim(), `a key of ${provider}`);
  // One key may stand for several accounts of its organisation.
  const identity = organization === undefined && project === undefined ? key : [key, organization, project].join("\n");
  return defineCredential(
    {
      id: `${provider}:${createHash("sha256").update(identity).digest("hex").slice(0, 12)}`,
      provider,
      masked: maskKey(key),
      ...rest,
    },
    { key, organization, project, proxy },
  );
}

/** The one credential of a provider that asks for none. */
export function anonymousCredential(provider: string): Credential<ApiKey> {
  return defineCredential({ id: `${provider}:anonymous`, provider, label: "anonymous" }, { key: "" });
}

/** A copy with other secret data, which stays out of serialisations. */
export function renewCredential(credential: Credential, data: unknown): Credential {
  const fresh = Object.create(
    Object.getPrototypeOf(credential) as object,
    Object.getOwnPropertyDescriptors(credential),
  ) as Credential;
  Object.defineProperty(fresh, "data", { value: data, enumerable: false });
  return fresh;
}
