/** Reading of request bodies that nobody vouches for, and cutting of texts into deltas. */

export interface Item {
  readonly [name: string]: unknown;
}

export function isItem(value: unknown): value is Item {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects in a list; none when it is no list. */
export function items(value: unknown): readonly Item[] {
  return Array.isArray(value) ? value.filter(isItem) : [];
}

export function item(value: unknown): Item {
  return isItem(value) ? value : {};
}

export function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A text, or the texts of a list of parts. */
export function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value))
    return items(value)
      .map((part) => text(part["text"]) ?? textIn(part["content"]))
      .join("");
  return value === undefined || value === null ? "" : JSON.stringify(value);
}

/** Word by word, so that a stream has several deltas. */
export function words(value: string | undefined): readonly string[] {
  return value === undefined || value === "" ? [] : value.split(/(?<= )/);
}

/** Arguments as JSON, free text as it is. */
export function argumentText(value: object | string): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The same in two fragments cut in the middle. */
export function halves(value: object | string): readonly [string, string] {
  const whole = argumentText(value);
  const half = Math.ceil(whole.length / 2);
  return [whole.slice(0, half), whole.slice(half)];
}
