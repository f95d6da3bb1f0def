/**
 * What a log or `JSON.stringify` shows of a context and of an attempt. Both hold secrets in plain sight of a plugin:
 * the client's headers, the signed request to the upstream; and the client's content. None of it belongs in a log that
 * somebody writes by handing the whole object over.
 */

/** Node's `util.inspect`, and with it consola and `console.log`, asks for this. */
const inspect = Symbol.for("nodejs.util.inspect.custom");

/** Makes everything with this prototype print as what `fields` gives. */
export function printable<T extends object>(prototype: T, fields: (value: T) => object): void {
  const print = {
    value(this: T): object {
      return fields(this);
    },
  };
  Object.defineProperties(prototype, { toJSON: print, [inspect]: print });
}
