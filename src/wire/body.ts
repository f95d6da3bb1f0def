/**
 * One payload, two readings. The side it was made from is kept; the other is derived on first read, because
 * `JSON.stringify(JSON.parse(x))` moves integer-like keys, turns `1.0` into `1` and corrupts integers above 2^53.
 */
import type { JsonObject } from "../protocols/canonical.ts";

export interface Body {
  readonly text: string;
  /** Throws `SyntaxError` when the text is not JSON. */
  readonly json: JsonObject;
}

/**
 * A class, since an object literal with a getter has a shape of its own each time it is made, and there are several
 * bodies per request.
 */
class LazyBody implements Body {
  #text: string | undefined;
  #json: JsonObject | undefined;
  readonly #makeText: (() => string) | undefined;
  readonly #makeJson: (() => JsonObject) | undefined;

  constructor(
    text: string | undefined,
    json: JsonObject | undefined,
    makeText?: () => string,
    makeJson?: () => JsonObject,
  ) {
    this.#text = text;
    this.#json = json;
    this.#makeText = makeText;
    this.#makeJson = makeJson;
  }

  get text(): string {
    return (this.#text ??= this.#makeText?.() ?? JSON.stringify(this.#json));
  }
  get json(): JsonObject {
    return (this.#json ??= this.#makeJson?.() ?? (JSON.parse(this.text) as JsonObject));
  }
}

/** A body that is sent as this very text. */
export function textBody(text: string): Body {
  return new LazyBody(text, undefined);
}

/** A body made from a value; its text is `JSON.stringify` of it. */
export function jsonBody(json: JsonObject): Body {
  return new LazyBody(undefined, json);
}

/** A text whose parsed form is known already, so that nobody parses it again. */
export function parsedBody(text: string, json: JsonObject): Body {
  return { text, json };
}

/** A body whose readings are both made when first asked for, and agree. */
export function lazyBody(makeText: () => string, makeJson: () => JsonObject): Body {
  return new LazyBody(undefined, undefined, makeText, makeJson);
}
