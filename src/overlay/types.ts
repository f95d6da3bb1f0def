/** What may be edited while the proxy runs: plugins say what and how, the overlay keeps it and tells them. */
import type { Json } from "../protocols/canonical.ts";

/** One thing that is in force, and who says so. */
export interface SettingItem {
  /** Its place in the value: `phrases`, the id of a provider. */
  readonly field: string;
  readonly value: Json;
  readonly origin: "config" | "run-time";
  /** Kept, and without effect because the config names the same. */
  readonly overruled?: true;
}

/** What one plugin lets people edit. */
export interface Setting {
  /** One sentence for people: what it is, and the shape of its value. */
  readonly about: string;
  /**
   * What is wrong with a value, one sentence each; empty when it may be kept. What the config names cannot be edited, so
   * that is wrong too. The value comes from a client and may be of any shape.
   */
  validate(value: Json): readonly string[];
  /**
   * Takes effect with the next request; `undefined` = nothing is edited (any more). The value was valid once, perhaps
   * under another config: take what still holds, and throw when nothing of it can be used.
   */
  apply(value: Json | undefined): void;
  /** What holds now, of the config and of the edits. */
  current(): readonly SettingItem[];
}

export interface Overlay {
  /** Registers a setting; call it in `setup`. What was edited before comes in `apply`, before the first request. */
  define(name: string, setting: Setting): void;
}

/** One setting as administrators see it. */
export interface SettingDocument {
  readonly name: string;
  readonly about: string;
  /** As it was last edited; null = not at all. */
  readonly value: Json;
  /** Goes up with every edit, 0 = never edited. An edit names the version it was made from. */
  readonly version: number;
  readonly changed_by: string | null;
  /** Epoch milliseconds. */
  readonly changed_at: number | null;
  readonly current: readonly SettingItem[];
  /** Why the value is not in force, when it is not. */
  readonly problem: string | null;
}

/** Who edits what, and what they have seen of it. */
export interface Edit {
  readonly name: string;
  /** `undefined` takes all edits back. */
  readonly value: Json | undefined;
  /** Of the document the edit was made from. */
  readonly version: number;
  readonly actor: string;
}
