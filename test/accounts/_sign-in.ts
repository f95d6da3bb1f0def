/** `proxy login` as it runs at a terminal, with somebody who has a browser or pastes where it led to. */
import { signIn } from "../../src/cli/login.ts";
import type { Place } from "./_chat-lab.ts";
import { fakeDesk, person } from "./_desk.ts";

export interface SignInOptions {
  /** The browser is on another machine: its last address is pasted. Default: it comes back to the callback. */
  readonly paste?: boolean;
}

/** Resolves with what the command has printed, once it has ended well. */
export async function signInAtTerminal(
  { kind, store, root }: Place,
  { paste = false }: SignInOptions = {},
): Promise<string> {
  const desk = { ...fakeDesk(root, { kinds: [kind] }), store };
  const { terminal } = desk;
  // A screen, on which nothing is opened: the address is read off the terminal.
  Object.assign(terminal.env, { DISPLAY: ":0" });
  const address = async (): Promise<string> => {
    for (let turn = 0; turn < 1000; turn++) {
      const found = terminal.stderr.map((line) => /^\s*(https?:\S+)\s*$/.exec(line)?.[1]).find(Boolean);
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error(`No address was shown:\n${terminal.stderr.join("\n")}`);
  };
  const text = async (): Promise<string> =>
    (await fetch(await address(), { redirect: "manual" })).headers.get("location")!;
  const done = signIn(desk, {
    kind,
    values: { port: "0", browser: false, paste },
    prompts: paste ? { ...person(), text } : undefined,
  });
  if (!paste) await fetch(await address());
  const code = await done;
  if (code !== 0) throw new Error(`The login ended with ${code}:\n${terminal.stderr.join("\n")}`);
  return [...terminal.stdout, ...terminal.stderr].join("\n");
}
