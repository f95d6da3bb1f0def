/** What a person pastes: the address the browser ended at, or the code that a page showed. */
import { loginError } from "./login-error.ts";
import type { OAuthSpec } from "./spec.ts";

export interface Pasted {
  readonly parameters: URLSearchParams;
  /** False for a bare code: then nothing tells which login it belongs to, but the code is good for this one only. */
  readonly hasState: boolean;
}

/** `undefined`: neither, ask again. */
export function readPasted(text: string): Pasted | undefined {
  const line = text.trim().replaceAll(/^["'<]+|["'>]+$/g, "");
  if (/[?&#]|^https?:/.test(line) || /^(code|error)=/.test(line)) {
    const query = line.replace(/^[^?#]*[?#]/, "").replaceAll("#", "&");
    const parameters = new URLSearchParams(query);
    if (!parameters.has("code") && !parameters.has("error")) return undefined;
    return { parameters, hasState: parameters.has("state") };
  }
  // Codes of Google begin with `4/`, which pages show escaped.
  const code = /^[\w.~/+=%-]{4,}$/.test(line) ? line.replaceAll("%2F", "/") : undefined;
  return code === undefined ? undefined : { parameters: new URLSearchParams({ code }), hasState: false };
}

/** How often a text is asked for. */
const TIMES = 3;

/** Asks until there is an answer. Rejects when the person gives up, or with a `ConfigError` after three wrong texts. */
export async function askForAnswer(
  ask: (question: string, signal: AbortSignal) => Promise<string>,
  spec: OAuthSpec,
  signal: AbortSignal,
): Promise<Pasted> {
  let question = "The address the browser ended at, or the code it shows (or finish in the browser)";
  for (let turn = 0; turn < TIMES; turn++) {
    const pasted = readPasted(await ask(question, signal));
    if (pasted) return pasted;
    question = "That holds no code. Paste the whole address, beginning with http and with code= in it";
  }
  throw loginError({
    code: "login_text",
    what: `The login to ${spec.title} was not finished`,
    why: "what was pasted holds no code",
    fix: `proxy login ${spec.provider}, and copy the whole address from the browser after agreeing`,
  });
}
