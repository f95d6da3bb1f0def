/** Statements that the query builder has written, as the database takes them. Loads nothing: the builder is given. */
import type { Compilable } from "kysely";
import type { SqlValue } from "./messages.ts";

/** A statement with its values. `Row` is what its rows are like; nothing checks that against the database. */
export interface Query<Row = unknown> {
  readonly sql: string;
  /** In the order of the statement's places. */
  readonly values: readonly SqlValue[];
  /** Never there: carries the type. */
  readonly row?: Row;
}

/** A statement that was written once and is run with many values. */
export interface Statement<Values, Row = unknown> {
  readonly sql: string;
  /** The values in the order of the statement's places, as a `DatabaseWrite` has them. */
  valuesOf(values: Values): readonly SqlValue[];
  with(values: Values): Query<Row>;
}

/** Writes the statement that has been put together. */
export function compiled<Row>(query: Compilable<Row>): Query<Row> {
  const { sql, parameters } = query.compile();
  // The tables' types admit nothing else as a value, and what gets past them is refused by the database as any other.
  return { sql, values: parameters as readonly SqlValue[] };
}

/**
 * Puts the statement together once, with places in it for the values it will be run with: `build` reads them from its
 * argument by name, any number of times, and does nothing else with them.
 *
 * ```ts
 * const touch = prepared(({ id, now }: { id: string; now: number }) =>
 *   builder.updateTable("users").set({ last_used_at: now }).where("id", "=", id),
 * );
 * database.write(touch.with({ id: "mia", now: 5 }));
 * ```
 */
export function prepared<Values extends object, Row>(
  build: (values: Values) => Compilable<Row>,
): Statement<Values, Row> {
  const places = new Map<unknown, keyof Values>();
  const byName = new Map<PropertyKey, object>();
  const placed = new Proxy({} as Values, {
    get(_, name) {
      let place = byName.get(name);
      if (place === undefined) {
        // Empty and its own, so that the builder hands it on as any value and it is known again.
        place = Object.freeze({});
        byName.set(name, place);
        places.set(place, name as keyof Values);
      }
      return place;
    },
  });
  const { sql, values } = compiled(build(placed));
  const parts = values.map((value) => ({ name: places.get(value), value }));
  const valuesOf = (given: Values): readonly SqlValue[] =>
    parts.map(({ name, value }) => (name === undefined ? value : (given[name] as SqlValue)));
  return { sql, valuesOf, with: (given) => ({ sql, values: valuesOf(given) }) };
}
