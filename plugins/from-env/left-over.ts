/** What stands in `.env` and changes nothing, so that nobody waits for it to. */
import { accountProviders } from "./accounts.ts";
import { isIgnored } from "./ignored.ts";
import { isKnown, ownNames } from "./providers.ts";
import { shippedProviders } from "./shipped.ts";
import type { Note, Reader } from "./reader.ts";

/** Keys of providers that nobody knows. The environment of a machine is full of them, so only `.env` is looked at. */
export function keyNotes(reader: Reader, fileNames: readonly string[]): readonly Note[] {
  const known = new Set(["proxy", ...ownNames(reader), ...otherNames()]);
  return fileNames.flatMap((name): Note[] => {
    const [, prefix] = /^([A-Z][A-Z\d_]*?)_API_KEYS?(?:_\d+)?(?:_FILE)?$/.exec(name) ?? [];
    if (prefix === undefined || reader.text(name) === undefined) return [];
    const id = prefix.toLowerCase();
    if (known.has(id) || isKnown(id) || isOfAccount(prefix)) return [];
    const text = `${name} in .env is for no provider that ships. Set ${prefix}_API_BASE to the address of its API, or list its plugin.`;
    return [{ variables: [name], text }];
  });
}

/** `NVIDIA` of `NVIDIA_API_KEY`, which is another name for the key of a provider. */
function otherNames(): readonly string[] {
  return shippedProviders.flatMap(({ others = [] }) =>
    others.map((name) => name.replace(/_API_KEY$/, "").toLowerCase()),
  );
}

/** `IFLOW_1_API_KEY` is a part of an account. */
function isOfAccount(prefix: string): boolean {
  return accountProviders.some((each) => prefix === each.prefix || prefix.startsWith(`${each.prefix}_`));
}

export function strayNotes(fileNames: readonly string[]): readonly Note[] {
  const stray = fileNames.filter(isIgnored);
  if (stray.length === 0) return [];
  return [{ variables: stray, text: `Not used, for the reasons in docs/environment.md: ${stray.join(", ")}.` }];
}
