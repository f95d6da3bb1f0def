/** The client library, loaded when a database is opened: who has none need not install it. */
import type { Client } from "pg";
import { version } from "waygate";
import type { Address } from "./address.ts";

/** Milliseconds until a connection is given up. */
const CONNECT = 5000;
/** Milliseconds a statement may take. */
const STATEMENT = 60_000;

/** 64-bit integers and sums come as text unless asked for otherwise; ours are times, tokens and counts. */
const numeric = new Set([20, 1700]);

/** A client that is connected. Rejects with the library's or the system's error, or one that says what to install. */
export async function connect(address: Address): Promise<Client> {
  const { default: pg } = await import("pg").catch((error: unknown) => {
    throw isMissing(error) ? new Error("The package pg is not installed: npm install pg") : error;
  });
  const client = new pg.Client({
    connectionString: address.url,
    connectionTimeoutMillis: CONNECT,
    statement_timeout: STATEMENT,
    query_timeout: STATEMENT + CONNECT,
    keepAlive: true,
    // The rows of a batch are sent one behind the other; a client too old to know this queues them.
    pipeline: true,
    application_name: `waygate ${version}`,
    types: {
      getTypeParser: ((oid: number, format?: "text" | "binary") =>
        numeric.has(oid) ? Number : pg.types.getTypeParser(oid, format as "text")) as typeof pg.types.getTypeParser,
    },
  });
  // What ends a connection is told to the question that is open, or to the next one.
  client.on("error", () => undefined);
  try {
    await client.connect();
  } catch (error) {
    void client.end().catch(() => undefined); // There may be nothing to end.
    throw error;
  }
  return client;
}

function isMissing(error: unknown): boolean {
  const { code, message = "" } = error as { readonly code?: unknown; readonly message?: string };
  return code === "ERR_MODULE_NOT_FOUND" && message.includes("'pg'");
}
