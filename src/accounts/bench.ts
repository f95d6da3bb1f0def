/** What everything that works on accounts needs. */
import type { Cipher } from "./encryption.ts";
import type { Places } from "./places.ts";

export interface Bench {
  readonly places: Places;
  readonly cipher: Cipher;
  /** Epoch milliseconds. */
  now(): number;
  warn(message: string): void;
}
