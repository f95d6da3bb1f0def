/** Accounts as other programs keep them: Antigravity's own command line, and proxies that came before. */
import type { AccountFields } from "waygate";
import { textOf, withLearnt } from "waygate/plugins/code-assist";
import { isObject } from "waygate/plugins/openai-compatible";

/** Where Antigravity's command line keeps its tokens on machines without a key store, relative to the home folder. */
export const officialFiles: readonly string[] = [
  ".gemini/antigravity-cli/antigravity-oauth-token",
  ".gemini/jetski-standalone-oauth-token",
];

/** `undefined` for a file that says it is of another service. */
export function adopted(fields: AccountFields): AccountFields | undefined {
  const type = textOf(fields, "type");
  if (type !== undefined && type !== "antigravity") return undefined;
  const { token, ...rest } = fields;
  const flat: AccountFields = isObject(token) ? { ...rest, ...token } : fields;
  const project = textOf(flat, "project_id");
  return project === undefined ? flat : withLearnt(flat, { project_id: project });
}
