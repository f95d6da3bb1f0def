/** Keys for people: what each is called, its state as a mark, how many can be used. */
import type { RestState } from "../candidates/credentials.ts";
import type { App } from "../plugin/app.ts";
import type { Credential, Provider } from "../plugin/provider.ts";
import { type KeyState, keyState } from "../server/key-states.ts";
import { plain } from "./layout.ts";
import type { Style } from "./terminal.ts";

/** As people are shown it. `half-open`: being tried; `unknown`: no server has told. */
export type ShownState = KeyState | "half-open" | "unknown";

const looks: { readonly [state in ShownState]: { readonly mark: string; readonly color: keyof Style } } = {
  active: { mark: "●", color: "green" },
  cooling: { mark: "◔", color: "yellow" },
  exhausted: { mark: "○", color: "yellow" },
  "half-open": { mark: "◐", color: "blue" },
  invalid: { mark: "✕", color: "red" },
  "no-credit": { mark: "¤", color: "red" },
  banned: { mark: "⊘", color: "red" },
  disabled: { mark: "‖", color: "dim" },
  unknown: { mark: "·", color: "dim" },
};

export const shownStates: readonly string[] = Object.keys(looks);

const lost: ReadonlySet<ShownState> = new Set<RestState>(["invalid", "no-credit", "banned"]);

/** True for a state that neither ends by itself nor by somebody's plan. */
export function needsYou(state: ShownState): boolean {
  return lost.has(state);
}

export function markOf(state: ShownState, style: Style): string {
  // A server of another version may know more states.
  const { mark, color } = looks[state] ?? looks.unknown;
  return style[color](mark);
}

/** Its label, else the masked key; for a key too short to be masked the hash it goes by. */
export function keyName({ id, label, masked }: Pick<Credential, "id" | "label" | "masked">): string {
  return plain(
    label ??
      (masked === undefined || masked === "***"
        ? `#${id.slice(id.lastIndexOf(":") + 1, id.lastIndexOf(":") + 7)}`
        : masked),
  );
}

/** True for the stand-in of a provider that asks for no key. */
export function isAnonymous(credential: Credential): boolean {
  return credential.id.endsWith(":anonymous");
}

export interface Rack {
  readonly provider: Provider;
  readonly keys: readonly { readonly credential: Credential; readonly state: KeyState }[];
}

/** Every provider with its keys, those without one included. */
export function racksOf(app: App): Rack[] {
  return app.providers.map((provider) => ({
    provider,
    keys: app.credentials.list(provider.name).map((credential) => ({ credential, state: keyState(app, credential) })),
  }));
}

export interface KeyCount {
  readonly usable: number;
  readonly all: number;
}

/** Real keys only. */
export function countKeys(racks: readonly Rack[]): KeyCount {
  const keys = racks.flatMap((rack) => rack.keys).filter(({ credential }) => !isAnonymous(credential));
  return { usable: keys.filter(({ state }) => state === "active").length, all: keys.length };
}
