/** A request as the ledger is given it. */
import type { Entry } from "../../plugins/usage/entry.ts";

export function entryLike(more: Partial<Entry> = {}): Entry {
  return {
    requestId: "request-1",
    at: Date.UTC(2026, 10, 21, 12, 30),
    user: "mia",
    group: "",
    protocol: "openai-chat",
    operation: "generate",
    asked: "smart",
    provider: "lab",
    model: "m",
    credential: "lab:1",
    status: 200,
    end: "complete",
    error: null,
    stream: false,
    fellBack: false,
    usage: { input: 10, output: 2 },
    cost: 0.25,
    duration: 40,
    firstByte: 30,
    attempts: undefined,
    tags: undefined,
    ip: null,
    ...more,
  };
}
