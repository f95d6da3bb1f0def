/** Reading one account file: its fields, or why it cannot be used. */
import { constants } from "node:fs";
import { lstat, open, realpath } from "node:fs/promises";
import { type Cipher, isSealed } from "./encryption.ts";
import { isFields } from "./fields.ts";
import { systemCode } from "./problem.ts";
import type { AccountFields, AccountKind, BrokenAccount } from "./types.ts";

export interface ReadAccount {
  /** As the provider's code understands them. */
  readonly fields: AccountFields;
  readonly text: string;
  /** Without symbolic links: what is replaced when the account changes. */
  readonly real: string;
  readonly isEncrypted: boolean;
}

/** Bytes of a file that may be one account. */
const LARGEST = 1024 * 1024;

/** `type` of CLIProxyAPI's files, and whose accounts these are. */
const foreignTypes: { readonly [type: string]: string } = {
  gemini: "gemini_cli",
  "gemini-cli": "gemini_cli",
  antigravity: "antigravity",
  qwen: "qwen_code",
  iflow: "iflow",
  claude: "anthropic",
  codex: "openai",
};

export function isBroken(value: ReadAccount | BrokenAccount): value is BrokenAccount {
  return "why" in value;
}

/** Never rejects for what is in the file or for how it lies on the disk. `undefined` when there is no such file. */
export async function readAccount(
  kind: AccountKind,
  path: string,
  cipher: Cipher,
): Promise<ReadAccount | BrokenAccount | undefined> {
  const broken = (why: string, fix: string): BrokenAccount => ({ provider: kind.provider, path, why, fix });
  const again = `proxy login ${kind.provider}`;
  let real: string;
  let text: string;
  try {
    real = await realpath(path);
    text = await readText(real);
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT")
      return (await isLink(path))
        ? broken("It is a link that leads nowhere.", "Mend the link, or remove it.")
        : undefined;
    if (code === "ELOOP") return broken("It is a link that leads back to itself.", "Mend the link, or remove it.");
    if (code === "EACCES" || code === "EPERM") return broken("This user may not read it.", `chmod u+r ${path}`);
    const why = code === "" && error instanceof Error ? error.message : `The system says ${code || String(error)}.`;
    return broken(why, `Move it away, then: ${again}`);
  }
  const value = parse(text);
  if (value === undefined) {
    const why = text.trim() === "" ? "It is empty." : "It is no JSON, or only the beginning of it.";
    return broken(why, `Put a copy of it back, or move it away, then: ${again}`);
  }
  if (!isFields(value))
    return broken("It is JSON, but no object with the fields of an account.", `Move it away, then: ${again}`);
  if (!isSealed(value)) return adopted(kind, value, { text, real, isEncrypted: false }, broken);
  const opened = await cipher.open(value);
  if (typeof opened !== "string") return broken(opened.why, opened.fix);
  const inner = parse(opened);
  return adopted(kind, isFields(inner) ? inner : {}, { text, real, isEncrypted: true }, broken);
}

function adopted(
  kind: AccountKind,
  value: AccountFields,
  file: Omit<ReadAccount, "fields">,
  broken: (why: string, fix: string) => BrokenAccount,
): ReadAccount | BrokenAccount {
  const owner = typeof value["type"] === "string" ? foreignTypes[value["type"]] : undefined;
  if (owner !== undefined && owner !== kind.provider) {
    return broken(`It is an account of ${owner}, not of ${kind.provider}.`, `proxy credentials import ${owner} FILE`);
  }
  const fields = kind.adopt(value);
  if (fields !== undefined) return { ...file, fields };
  const why = `It holds no account of ${kind.provider}: fields are missing, or it is another provider's.`;
  return broken(why, `Remove it, or sign in: proxy login ${kind.provider}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, "")) as unknown;
  } catch {
    return undefined; // JSON's own message would quote the text, which holds tokens.
  }
}

async function readText(path: string): Promise<string> {
  // Without waiting: a pipe by that name would wait for ever.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new Error("It is no file.");
    if (info.size > LARGEST) throw new Error("It is too large to be one account.");
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (info) => info.isSymbolicLink(),
    () => false,
  ); // Gone altogether.
}
