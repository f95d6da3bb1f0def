/** What differs between the upstreams of the four protocols besides the protocol itself. */
import type { ApiKey, HeaderRecord } from "waygate";
import { anthropicFailures, geminiFailures } from "./dialect-failures.ts";
import type { FailureRule } from "./failures.ts";

export type Dialect = "openai-chat" | "openai-responses" | "anthropic" | "gemini";

export interface DialectRow {
  /** The version segment that an address without a path gets. */
  readonly segment: string;
  /** Headers of every request that the client, where it speaks the same protocol, may state otherwise. */
  readonly usual?: HeaderRecord;
  /** Headers that are lists: the client's entries are added to those a config states. */
  readonly lists?: readonly string[];
  authorize(data: ApiKey): HeaderRecord;
  /** What is asked for in the query of a list of models. */
  readonly page?: string;
  /** How its own service words its failures, where that says more than statuses and codes. */
  readonly failures?: readonly FailureRule[];
}

const inHeader =
  (name: string): DialectRow["authorize"] =>
  ({ key }) =>
    key === "" ? {} : { [name]: key };

const openai: DialectRow = {
  segment: "v1",
  authorize({ key, organization, project }) {
    const headers: { [name: string]: string } = {};
    if (key !== "") headers["authorization"] = `Bearer ${key}`;
    if (organization !== undefined) headers["openai-organization"] = organization;
    if (project !== undefined) headers["openai-project"] = project;
    return headers;
  },
};

export const dialects: { readonly [Id in Dialect]: DialectRow } = {
  "openai-chat": openai,
  "openai-responses": openai,
  // Anthropic API docs, "Versions", "Beta headers", "Authentication" and "List Models".
  anthropic: {
    segment: "v1",
    usual: { "anthropic-version": "2023-06-01" },
    lists: ["anthropic-beta"],
    authorize: inHeader("x-api-key"),
    page: "?limit=1000",
    failures: anthropicFailures,
  },
  // Gemini API docs, "API keys" and "Models".
  gemini: {
    segment: "v1beta",
    authorize: inHeader("x-goog-api-key"),
    page: "?pageSize=1000",
    failures: geminiFailures,
  },
};

/** The row of a protocol; one that is none of the four is a dialect of OpenAI's. */
export function dialectOf(protocol: string): DialectRow {
  return Object.hasOwn(dialects, protocol) ? dialects[protocol as Dialect] : openai;
}
