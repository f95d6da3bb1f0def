import type { ProbeState } from "./types.ts";

/** What a probe has seen at first: nothing. */
export const unseen: ProbeState = {
  started: false,
  said: false,
  finished: false,
  usage: undefined,
  finish: undefined,
  error: undefined,
};
