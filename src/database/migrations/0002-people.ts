/** Users and what they may use, what was used, and settings changed at run time. Times are epoch milliseconds. */
/** What is summed up of requests. */
const sums = `requests INTEGER NOT NULL,
     failed INTEGER NOT NULL,
     refused INTEGER NOT NULL,
     fell_back INTEGER NOT NULL,
     input INTEGER NOT NULL,
     output INTEGER NOT NULL,
     cached INTEGER NOT NULL,
     cache_write INTEGER NOT NULL,
     reasoning INTEGER NOT NULL,
     cost REAL NOT NULL,
     unpriced INTEGER NOT NULL,
     duration INTEGER NOT NULL,`;

export const people: string = `CREATE TABLE users (
     id TEXT PRIMARY KEY,
     kind TEXT NOT NULL,
     name TEXT NOT NULL DEFAULT '',
     note TEXT NOT NULL DEFAULT '',
     token_hash TEXT NOT NULL UNIQUE,
     token_hint TEXT NOT NULL,
     group_id TEXT,
     models TEXT,
     credentials TEXT,
     limits TEXT,
     max_ips INTEGER,
     ban_over_ips INTEGER NOT NULL DEFAULT 0,
     created_at INTEGER NOT NULL,
     last_used_at INTEGER,
     expires_at INTEGER,
     disabled_at INTEGER,
     disabled_reason TEXT,
     version INTEGER NOT NULL DEFAULT 1
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE user_groups (
     id TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     note TEXT NOT NULL DEFAULT '',
     models TEXT,
     credentials TEXT,
     limits TEXT,
     created_at INTEGER NOT NULL,
     version INTEGER NOT NULL DEFAULT 1
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE user_ips (
     user_id TEXT NOT NULL,
     ip TEXT NOT NULL,
     first_at INTEGER NOT NULL,
     last_at INTEGER NOT NULL,
     PRIMARY KEY (user_id, ip)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE quotas (
     owner TEXT NOT NULL,
     family TEXT NOT NULL,
     unit TEXT NOT NULL,
     period TEXT NOT NULL,
     amount REAL NOT NULL,
     PRIMARY KEY (owner, family, unit, period)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE quota_use (
     owner TEXT NOT NULL,
     family TEXT NOT NULL,
     unit TEXT NOT NULL,
     period TEXT NOT NULL,
     began_at INTEGER NOT NULL,
     used REAL NOT NULL,
     PRIMARY KEY (owner, family, unit, period)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE usage (
     id INTEGER PRIMARY KEY,
     request_id TEXT NOT NULL,
     at INTEGER NOT NULL,
     user_id TEXT NOT NULL DEFAULT '',
     group_id TEXT NOT NULL DEFAULT '',
     protocol TEXT NOT NULL,
     operation TEXT NOT NULL,
     asked TEXT NOT NULL,
     provider TEXT NOT NULL DEFAULT '',
     model TEXT NOT NULL DEFAULT '',
     credential TEXT NOT NULL DEFAULT '',
     status INTEGER NOT NULL,
     ended TEXT NOT NULL,
     error TEXT,
     stream INTEGER NOT NULL,
     fell_back INTEGER NOT NULL,
     input INTEGER,
     output INTEGER,
     cached INTEGER,
     cache_write INTEGER,
     reasoning INTEGER,
     cost REAL,
     duration INTEGER NOT NULL,
     first_byte INTEGER,
     attempts TEXT,
     tags TEXT,
     ip TEXT
   ) STRICT;
   CREATE INDEX usage_at ON usage (at);
   CREATE INDEX usage_user ON usage (user_id, at);
   CREATE TABLE usage_hours (
     hour INTEGER NOT NULL,
     provider TEXT NOT NULL,
     model TEXT NOT NULL,
${sums}
     PRIMARY KEY (hour, provider, model)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE usage_users (
     hour INTEGER NOT NULL,
     user_id TEXT NOT NULL,
     group_id TEXT NOT NULL,
${sums}
     PRIMARY KEY (hour, user_id, group_id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE usage_user_models (
     user_id TEXT NOT NULL,
     hour INTEGER NOT NULL,
     provider TEXT NOT NULL,
     model TEXT NOT NULL,
${sums}
     PRIMARY KEY (user_id, hour, provider, model)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE usage_keys (
     hour INTEGER NOT NULL,
     provider TEXT NOT NULL,
     credential TEXT NOT NULL,
     model TEXT NOT NULL,
${sums}
     PRIMARY KEY (hour, provider, credential, model)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE usage_latency (
     hour INTEGER NOT NULL,
     bucket INTEGER NOT NULL,
     requests INTEGER NOT NULL,
     PRIMARY KEY (hour, bucket)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE usage_model_latency (
     hour INTEGER NOT NULL,
     provider TEXT NOT NULL,
     model TEXT NOT NULL,
     bucket INTEGER NOT NULL,
     requests INTEGER NOT NULL,
     PRIMARY KEY (hour, provider, model, bucket)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE settings (
     name TEXT PRIMARY KEY,
     value TEXT NOT NULL,
     changed_by TEXT NOT NULL,
     changed_at INTEGER NOT NULL,
     version INTEGER NOT NULL DEFAULT 1
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE audit (
     id INTEGER PRIMARY KEY,
     at INTEGER NOT NULL,
     actor TEXT NOT NULL,
     action TEXT NOT NULL,
     subject TEXT NOT NULL,
     detail TEXT NOT NULL
   ) STRICT;
   CREATE INDEX audit_at ON audit (at);`;
