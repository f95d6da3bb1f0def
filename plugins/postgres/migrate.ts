/**
 * Brings the schema of a PostgreSQL database up to this version. Its statements are texts, because they are about what is
 * there before our tables are.
 */
import type { Client } from "pg";
import { databaseMigrations, type Fault, version } from "waygate";

/** Of our lock, so that processes that start at once take the steps one after the other: "wgt1". */
const LOCK = 0x77_67_74_31;

/** All steps or none. What it returns keeps the database from being used. */
export async function migrate(client: Client, schema: string): Promise<Fault | undefined> {
  const steps = databaseMigrations("postgres");
  await client.query(`SET search_path TO "${schema}"`);
  await client.query("BEGIN");
  try {
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    const { rowCount } = await client.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
    if (rowCount === 0) await client.query(`CREATE SCHEMA "${schema}"`);
    const { rows: tables } = await client.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1",
      [schema],
    );
    const names = tables.map(({ name }) => name);
    const meta = new Map<string, string>();
    if (names.includes("meta")) {
      const { rows } = await client.query<{ name: string; value: string }>("SELECT name, value FROM meta");
      for (const { name, value } of rows) meta.set(name, value);
    }
    const found = Number(meta.get("schema") ?? 0);
    if (names.length > 0 && !(found > 0)) {
      await client.query("ROLLBACK");
      return { kind: "foreign", why: `The schema "${schema}" holds tables of another program.` };
    }
    if (found > steps.length) {
      await client.query("ROLLBACK");
      const writer = meta.get("writer");
      return { kind: "newer", why: "", schema: found, ...(writer !== undefined && { writer }) };
    }
    for (const step of steps.slice(found)) await client.query(step);
    if (found < steps.length) {
      const put =
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
      await client.query(put, ["schema", String(steps.length)]);
      await client.query(put, ["writer", version]);
    }
    await client.query("COMMIT");
    return undefined;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined); // The connection may be gone, and its transaction with it.
    throw error;
  }
}
