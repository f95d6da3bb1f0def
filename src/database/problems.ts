/** What a fault of the database is for the person who runs the proxy: what, why, and what to do. */
import type { ConfigProblem } from "../config/problem.ts";
import { version } from "../version.ts";
import type { Fault } from "./fault.ts";
import { migrationsOf } from "./migrations/index.ts";

/** A start fails with these; with all others the proxy goes on in memory. */
export function isFatal({ kind }: Fault): boolean {
  return kind === "newer" || kind === "foreign" || kind === "denied";
}

export function problemOf(fault: Fault, path: string): ConfigProblem {
  const at = { path: ["database"], file: path };
  const goesOn = "It goes on in memory and tries again; until then a restart forgets what rests and what is counted.";
  switch (fault.kind) {
    case "newer": {
      const made = fault.writer === undefined ? "" : `, made by waygate ${fault.writer}`;
      return {
        ...at,
        code: "schema_newer",
        what: "The database was written by a later version of waygate",
        why: `Its schema is ${fault.schema}${made}; this is waygate ${version}, which knows schemas up to ${migrationsOf("sqlite").length}.`,
        fix: `Use waygate ${fault.writer ?? "of a later version"}, or set database: { path } to another file. Nothing was changed.`,
      };
    }
    case "foreign":
      return {
        ...at,
        code: "database_foreign",
        what: "The database belongs to another program",
        why: `${fault.why} Nothing was changed.`,
        fix: "Set database: { path } to a file of its own.",
      };
    case "read_only":
      return {
        ...at,
        code: "data_dir_readonly",
        what: "The data folder cannot be written",
        why: `The system says: ${fault.why}. ${goesOn}`,
        fix: "Let this user write there, or set dataDir to another folder, or database: false to do without.",
      };
    case "away":
      return {
        ...at,
        code: "database_failed",
        what: "The database cannot be reached",
        why: `The system says: ${fault.why}. ${goesOn}`,
        fix: "Start the database, or put the right address into DATABASE_URL.",
      };
    case "denied":
      return {
        ...at,
        code: "config_invalid",
        what: "The database does not let us in",
        why: `It says: ${fault.why}.`,
        fix: "Put the right user, password and database into DATABASE_URL: postgres://user:password@host:5432/database.",
      };
    case "disk_full":
      return {
        ...at,
        code: "database_failed",
        what: "The disk is full",
        why: goesOn,
        fix: "Make room on the disk.",
      };
    case "corrupt":
    case "busy":
    case "failed":
      return {
        ...at,
        code: "database_failed",
        what: fault.kind === "busy" ? "Another process keeps the database locked" : "The database cannot be used",
        why: `It says: ${fault.why}. ${goesOn}`,
        fix:
          fault.kind === "busy"
            ? "End the other process, or give each proxy its own dataDir."
            : "Look at the disk; set database: false to do without.",
      };
  }
}

export function setAsideProblem(path: string, setAside: string): ConfigProblem {
  return {
    code: "database_set_aside",
    path: ["database"],
    file: path,
    what: "The database was damaged, and a new one has been made",
    why: `The damaged file is kept as ${setAside}. What rested and what was counted in it is not known to this proxy.`,
    fix: `Nothing has to be done. To look into it: sqlite3 ${setAside} .recover`,
  };
}

export function lostProblem(path: string, count: number): ConfigProblem {
  return {
    code: "database_failed",
    path: ["database"],
    file: path,
    what: `${count} writes were lost while the disk refused them`,
    why: "More came than are kept in memory for such a time; the oldest were given up.",
    fix: "Nothing can be done about those; look after the disk.",
  };
}

export function refusedProblem(
  path: string,
  { count, why }: { readonly count: number; readonly why: string },
): ConfigProblem {
  return {
    code: "database_failed",
    path: ["database"],
    file: path,
    what: `${count} writes were refused by the database`,
    why: `The first: ${why}. All others of their time are saved.`,
    fix: "That is a fault of the plugin that wrote them, or of waygate: please report it.",
  };
}
