/** Answers the questions of a database with PostgreSQL, one after the other, on one connection. */
import type { Client } from "pg";
import type { DatabaseAnswer, DatabaseAsk, DatabaseEngine, SqlRow } from "waygate";
import type { Address } from "./address.ts";
import { connect } from "./client.ts";
import { faultOf } from "./faults.ts";
import { migrate } from "./migrate.ts";
import { numbered, received, sendable } from "./statements.ts";
import { change, write } from "./transactions.ts";

export function startEngine(address: Address, schema: string): DatabaseEngine {
  let client: Client | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const close = async (): Promise<void> => {
    const old = client;
    client = undefined;
    await old?.end();
  };
  const open = async (): Promise<DatabaseAnswer> => {
    await close();
    const connected = await connect(address);
    const fault = await migrate(connected, schema);
    if (fault === undefined) {
      client = connected;
      return {};
    }
    await connected.end();
    return { fault };
  };
  const answer = async (ask: DatabaseAsk): Promise<DatabaseAnswer> => {
    try {
      if (ask.type === "open") return await open();
      if (ask.type === "close") {
        await close();
        return {};
      }
      if (client === undefined) return { fault: { kind: "away", why: "There is no connection." } };
      if (ask.type === "read") {
        const { rows } = await client.query<SqlRow>(numbered(ask.sql), sendable(ask.values));
        return { rows: received(rows) };
      }
      return ask.type === "write" ? await write(client, ask.writes) : await change(client, ask.changes);
    } catch (error) {
      return { fault: faultOf(error, address) };
    }
  };

  return {
    ask(ask) {
      const answered = last.then(() => answer(ask));
      last = answered;
      return answered;
    },
    async end() {
      const old = client;
      client = undefined;
      // It may not answer any more.
      (
        old as unknown as { readonly connection?: { readonly stream?: { destroy(): void } } }
      )?.connection?.stream?.destroy();
    },
  };
}
