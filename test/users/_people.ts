/** A proxy with users, a scripted upstream, virtual time and a database of its own, and its admin API. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type GroupDocument, type UserDocument, users, type UsersOptions } from "waygate/plugins/users";
import { lab, type Lab, type LabOptions, type Reply } from "../rules/_lab.ts";

export const adminKey = "the-administrator-of-this-test";

/** A temporary folder; removed after the test. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "waygate-users-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export interface Said<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
  readonly error: { readonly message: string; readonly code: string; readonly param?: string };
}

export interface People extends Lab {
  api<T = UserDocument>(call: string, body?: object, headers?: Record<string, string>): Promise<Said<T>>;
  /** Makes a user; throws when that fails. */
  add(body?: object): Promise<UserDocument & { readonly token: string }>;
  group(body: object): Promise<GroupDocument>;
  /** One request as this user. */
  as(token: string, model?: string, more?: Record<string, string>): Promise<Reply>;
  /** What is used of its quotas, in their order. */
  used(id: string, kind?: "users" | "groups"): Promise<readonly number[]>;
}

export interface PeopleOptions extends LabOptions {
  readonly users?: UsersOptions;
}

export async function people({ users: options, plugins = [], ...rest }: PeopleOptions = {}): Promise<People> {
  const bench = await lab({
    providers: { lab: ["a"] },
    dataDir: folder(),
    adminKey,
    server: { trustProxy: true },
    retry: { queueWait: 0 },
    ...rest,
    plugins: [users(options), ...plugins],
  });
  const api: People["api"] = async (call, body, headers = {}) => {
    const [method, path] = [call.slice(0, call.indexOf(" ")), call.slice(call.indexOf(" ") + 1)];
    const response = await bench.proxy.fetch(path, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json", ...headers },
      ...(body && { body: JSON.stringify(body) }),
    });
    const found = (await response.json()) as never;
    return {
      status: response.status,
      headers: response.headers,
      body: found,
      error: (found as { error: never }).error,
    };
  };
  const made = async <T>(path: string, body: object): Promise<T> => {
    const said = await api<T>(`POST ${path}`, body);
    if (said.status !== 201) throw new Error(`${said.status}: ${JSON.stringify(said.body)}`);
    return said.body;
  };
  return {
    ...bench,
    api,
    add: (body = {}) => made("/api/users", body),
    group: (body) => made("/api/groups", body),
    as: (token, model, more = {}) => bench.ask(model, { headers: { authorization: `Bearer ${token}`, ...more } }),
    async used(id, kind = "users") {
      const { body } = await api<UserDocument>(`GET /api/${kind}/${id}`);
      return body.quotas.map(({ used }) => used);
    },
    [Symbol.asyncDispose]: () => bench.proxy.close(),
  };
}
