/** Reading what files of accounts hold, whichever tool has written them. */
import { type AccountFields, fieldAt, type Json } from "waygate";

/** A text of the account's, by a path with dots; `undefined` for an empty one. */
export function textIn(fields: AccountFields, path: string): string | undefined {
  const value = fieldAt(fields, path);
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

/** Epoch milliseconds, from those, from digits, or from a date as RFC 3339 writes it; `undefined` for anything else. */
export function timeIn(value: Json | undefined): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string" || value.trim() === "") return undefined;
  const time = /^\d+$/.test(value.trim()) ? Number(value) : Date.parse(value);
  return Number.isNaN(time) ? undefined : time;
}
