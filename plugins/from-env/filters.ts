/** Who is turned away, and what may not be asked for, in the words of the proxies whose variables these are. */
import { clientFilter } from "waygate/plugins/client-filter";
import { promptFilter } from "waygate/plugins/prompt-filter";
import { requestCaps } from "waygate/plugins/request-caps";
import type { Policy, PolicyInit } from "./policy.ts";
import { listIn } from "./reader.ts";

export function clientsOf({ reader }: PolicyInit): Policy | undefined {
  const list = (name: string): readonly string[] => listIn(reader.text(name) ?? "");
  const redirect = reader.text("BLOCK_REDIRECT");
  const lists = {
    block: list("IP_BLACKLIST"),
    adminAllow: list("ADMIN_WHITELIST"),
    blockOrigins: list("BLOCKED_ORIGINS"),
  };
  if (Object.values(lists).every((each) => each.length === 0)) return undefined;
  return {
    plugin: clientFilter({ ...lists, ...(redirect !== undefined && { redirect }) }),
    variables: ["IP_BLACKLIST", "ADMIN_WHITELIST", "BLOCKED_ORIGINS", "BLOCK_REDIRECT"].filter((name) =>
      reader.text(name),
    ),
  };
}

/** The phrases of this dialect are regular expressions. */
export function promptsOf({ reader }: PolicyInit): Policy | undefined {
  const phrases = reader.text("REJECT_PHRASES");
  if (phrases === undefined) return undefined;
  const message = reader.text("REJECT_MESSAGE");
  return {
    plugin: promptFilter({ patterns: splitQuoted(phrases), ...(message !== undefined && { message }) }),
    variables: ["REJECT_PHRASES", "REJECT_MESSAGE"].filter((name) => reader.text(name)),
  };
}

const caps = { MAX_CONTEXT_TOKENS_: "input", MAX_OUTPUT_TOKENS_: "output" } as const;

export function capsOf({ reader, find }: PolicyInit): Policy | undefined {
  const variables: string[] = [];
  const rules = Object.entries(caps).flatMap(([stem, property]) =>
    reader.tails(stem).flatMap((tail) => {
      const most = reader.number(stem + tail)!;
      const found = find(tail);
      if (found?.rest !== "") {
        reader.notes.push({ variables: [stem + tail], text: `${stem}${tail} names no provider that is there.` });
        return [];
      }
      variables.push(stem + tail);
      return [{ models: found.ids.map((id) => `${id}/*`), [property]: most }];
    }),
  );
  return rules.length === 0 ? undefined : { plugin: requestCaps(rules), variables };
}

/** Commas divide, except between double quotes, of which two stand for one. */
function splitQuoted(text: string): readonly string[] {
  const parts = text.match(/(?:\s*"(?:[^"]|"")*"\s*|[^,])+/g) ?? [];
  return parts
    .map((part) => part.trim().replace(/^"(.*)"$/s, (_, inner: string) => inner.replaceAll('""', '"')))
    .filter((part) => part !== "");
}
