/** The tables, as steps from one version of the schema to the next. A step that has been released never changes. */

/** SQLite's `application_id` of our files: "wgt1". Tells them from databases of other programs. */
export const APPLICATION = 0x77_67_74_31;

export const migrations: readonly string[] = [
  `CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE snapshot (
     section TEXT NOT NULL,
     key TEXT NOT NULL,
     version INTEGER NOT NULL,
     value TEXT NOT NULL,
     until INTEGER,
     PRIMARY KEY (section, key)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX snapshot_until ON snapshot (until) WHERE until IS NOT NULL;`,
];
