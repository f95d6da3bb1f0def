/** A listening proxy with a key, and the proof after each bad request that it lives and has kept its mouth shut. */
import { expect } from "vitest";
import type { ServeOptions } from "waygate";
import { openaiCompatible } from "waygate/plugins/openai-compatible";
import { proxyKey } from "waygate/plugins/proxy-key";
import { createProxy, serve } from "waygate";
import { createConsola } from "consola";
import { createUpstream, type Upstream } from "waygate/testing";
import { head } from "../server/_raw.ts";

export const clientKey = "canary9-client-key";
const providerKey = "canary9-provider-key";
export const maxBody = 100_000;

export interface Bench extends AsyncDisposable {
  readonly url: string;
  readonly upstream: Upstream;
  readonly logged: readonly string[];
  readonly records: readonly number[];
  /** Posts a body as it is to the chat route, with a key. */
  post(body: string | Uint8Array, headers?: { readonly [name: string]: string }): Promise<Response>;
  /** Fails unless a good request is still answered, and nothing was logged that is a secret or a fault. */
  lives(): Promise<void>;
}

export async function bench(options: ServeOptions = {}): Promise<Bench> {
  const upstream = await createUpstream();
  const logged: string[] = [];
  const records: number[] = [];
  const log = createConsola({ level: 5, reporters: [{ log: ({ args }) => logged.push(args.map(String).join(" ")) }] });
  const lab = openaiCompatible({ name: "lab", baseURL: upstream.url, keys: [providerKey], models: ["m"] });
  const proxy = createProxy(
    { plugins: [proxyKey({ keys: clientKey }), lab], server: { maxBody } },
    { log, onRequest: (outcome) => void records.push(outcome.status) },
  );
  const serving = await serve(proxy, { port: 0, ...options });
  const post = (body: string | Uint8Array, headers = {}): Promise<Response> =>
    fetch(`${serving.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${clientKey}`, ...headers },
      body: body as BodyInit,
    });
  return {
    url: serving.url,
    upstream,
    logged,
    records,
    post,
    async lives() {
      const response = await post(good);
      expect(response.status).toBe(200);
      expect(await response.text()).toContain('"ok"');
      expect(logged).toEqual([]);
    },
    async [Symbol.asyncDispose]() {
      await serving.close(0);
      await proxy.close();
      await upstream.close();
    },
  };
}

export const good = JSON.stringify({ model: "lab/m", messages: [{ role: "user", content: "hi" }] });

/** The head of a chat request with the key, for a body that is sent by hand. */
export function chatHead(headers: { readonly [name: string]: string | number } = {}): string {
  const key = { authorization: `Bearer ${clientKey}` };
  return head("POST /v1/chat/completions", { "content-type": "application/json", ...key, ...headers });
}

export interface Refusal {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly code: string;
    readonly param: string | null;
  };
}

/** The answer as a refusal in the OpenAI shape; fails when it is not one. */
export async function refusal(response: Response): Promise<Refusal["error"]> {
  expect(response.headers.get("content-type")).toContain("application/json");
  expect(response.headers.get("x-request-id")).toBeTruthy();
  const { error } = (await response.json()) as Refusal;
  expect(error).toMatchObject({ message: expect.any(String) as string, type: "invalid_request_error" });
  return error;
}
