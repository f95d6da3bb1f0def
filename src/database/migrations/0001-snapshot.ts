/** Hot state that a restart keeps. */
export const snapshot = `CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
   CREATE TABLE snapshot (
     section TEXT NOT NULL,
     key TEXT NOT NULL,
     version INTEGER NOT NULL,
     value TEXT NOT NULL,
     until INTEGER,
     PRIMARY KEY (section, key)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX snapshot_until ON snapshot (until) WHERE until IS NOT NULL;`;
