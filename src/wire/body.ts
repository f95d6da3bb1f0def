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

/** A body that is sent as this very text. */
export function textBody(text: string): Body {
  let json: JsonObject | undefined;
  return {
    text,
    get json(): JsonObject {
      return (json ??= JSON.parse(text) as JsonObject);
    },
  };
}

/** A body made from a value; its text is `JSON.stringify` of it. */
export function jsonBody(json: JsonObject): Body {
  let text: string | undefined;
  return {
    json,
    get text(): string {
      return (text ??= JSON.stringify(json));
    },
  };
}

/** A text whose parsed form is known already, so that nobody parses it again. */
export function parsedBody(text: string, json: JsonObject): Body {
  return { text, json };
}

/** A body whose readings are both made when first asked for, and agree. */
export function lazyBody(makeText: () => string, makeJson: () => JsonObject): Body {
  let text: string | undefined;
  let json: JsonObject | undefined;
  return {
    get text(): string {
      return (text ??= makeText());
    },
    get json(): JsonObject {
      return (json ??= makeJson());
    },
  };
}
