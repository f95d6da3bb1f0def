/**
 * Google on loopback: the sign-in, the control plane and the models of the service behind Gemini CLI and Antigravity, with
 * the checks that it makes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type ControlFake, createControl } from "./control.ts";
import { type Flavor, flavors } from "./flavors.ts";
import { createOAuth, type OAuthFake } from "./oauth.ts";
import { type Reply, says, streamed } from "./replies.ts";
import { type Answer, type Asked, failure, type Fields, isFields, json } from "./types.ts";
import { faultIn, familyOf } from "./validate.ts";

/** A request for an answer of a model, as it came in. */
export interface Generated {
  /** The host's name in the path: `prod`, `daily`. */
  readonly host: string;
  readonly method: string;
  readonly email: string;
  readonly headers: Fields;
  readonly model: string;
  readonly project: string;
  /** The envelope as a whole. */
  readonly body: Fields;
  /** What is in it. */
  readonly request: Fields;
}

/** What to say, or which failure to answer with. */
export type Step = Reply | Answer | Thinker;
export type Thinker = (asked: Generated) => Reply | Answer;

export interface GoogleFake extends AsyncDisposable {
  readonly url: string;
  readonly oauth: OAuthFake;
  readonly control: ControlFake;
  /** Base address of the service at that host. */
  base(host?: string): string;
  /** Requests for answers, oldest first; refused ones too. */
  readonly generated: readonly Generated[];
  /** What its checks have said of requests for answers. */
  readonly refused: readonly string[];
  /** Calls of the control plane: `loadCodeAssist`, `operations`. */
  readonly controlled: readonly { readonly host: string; readonly method: string; readonly body: Fields }[];
  /** Queues one step per coming request for an answer. */
  reply(...steps: readonly Step[]): void;
  /** What to do when the queue is empty. */
  always(step: Step): void;
  /** Answers control calls of that name in place of the fake; `undefined` takes it back. */
  override(method: string, answer: ((body: Fields, host: string) => Answer | undefined) | undefined): void;
  /** A signature that models of this family have made. Claude's are of their words, and of no others. */
  sign(model: string, thought?: string): string;
}

export interface GoogleOptions {
  readonly flavor?: Flavor;
  /** Clients and their secrets. */
  readonly clients: { readonly [id: string]: string };
}

export async function createGoogle({ flavor = flavors.gemini_cli, clients }: GoogleOptions): Promise<GoogleFake> {
  const oauth = createOAuth();
  for (const [id, secret] of Object.entries(clients)) oauth.clients.set(id, secret);
  const control = createControl(flavor);
  const generated: Generated[] = [];
  const refused: string[] = [];
  const controlled: { host: string; method: string; body: Fields }[] = [];
  const queue: Step[] = [];
  const overridden = new Map<string, (body: Fields, host: string) => Answer | undefined>();
  const signed = new Map<string, { readonly family: string; readonly thought: string | undefined }>();
  let fallback: Step = says("Hello from the fake.", "Greeting.");

  const service = (asked: Asked): Answer | undefined => {
    const found = /^(?:\/(\w+))?\/v1internal(?::(\w+)|\/(operations\/[\w-]+))$/.exec(asked.path);
    if (!found) return undefined;
    const [, host = "prod", method = "operations", operation] = found;
    // Operations are looked at, everything else is asked for.
    if ((asked.method === "GET") !== (operation !== undefined)) return undefined;
    const session = oauth.sessions.get((asked.headers["authorization"] ?? "").replace("Bearer ", ""));
    if (!session || session.expiresAt <= Date.now()) {
      return failure(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", [
        {
          "@type": "type.googleapis.com/google.rpc.ErrorInfo",
          reason: "ACCESS_TOKEN_EXPIRED",
          domain: "googleapis.com",
        },
      ]);
    }
    const body: unknown = asked.body === "" ? {} : JSON.parse(asked.body);
    if (!isFields(body)) return failure(400, "INVALID_ARGUMENT", "Invalid JSON payload received.");
    if (method === "countTokens") return count(body);
    if (method !== "generateContent" && method !== "streamGenerateContent") {
      controlled.push({ host, method, body });
      const other = overridden.get(method)?.(body, host);
      if (other) return other;
      return operation === undefined ? control.handle(method, body) : control.operation(operation);
    }
    const entry: Generated = {
      host,
      method,
      email: session.email,
      headers: asked.headers,
      model: String(body["model"]),
      project: String(body["project"]),
      body,
      request: isFields(body["request"]) ? body["request"] : {},
    };
    generated.push(entry);
    const fault = faultIn(body, flavor, { made: (signature) => signed.get(signature) });
    if (fault) {
      refused.push(String(fault.body));
      return fault;
    }
    const step = queue.shift() ?? fallback;
    const given = typeof step === "function" ? step(entry) : step;
    if ("status" in given) return given;
    const said = numbered(given, generated.length);
    if (method === "streamGenerateContent" && asked.query.get("alt") === "sse") return streamed(said);
    const texts = said.chunks.map((response) => ({ response, traceId: "trace-1" }));
    return json(200, method === "generateContent" ? texts.at(-1) : texts);
  };

  const server = createServer((message, response) => {
    void handle(message, response, (asked) => oauth.handle(asked) ?? service(asked));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    url,
    oauth,
    control,
    base: (host = "prod") => `${url}/${host}/v1internal`,
    generated,
    refused,
    controlled,
    reply: (...steps) => void queue.push(...steps),
    always: (step) => void (fallback = step),
    override(method, answer) {
      if (answer) overridden.set(method, answer);
      else overridden.delete(method);
    },
    sign(model, thought) {
      const family = familyOf(model);
      const text = `${family} signature ${"x".repeat(40)} number ${signed.size}`;
      const signature = Buffer.from(text).toString("base64");
      signed.set(signature, { family, thought });
      return signature;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Each answer has an id of its own. */
function numbered(reply: Reply, number: number): Reply {
  const chunks = reply.chunks.map((chunk) =>
    chunk["responseId"] === undefined ? chunk : { ...chunk, responseId: `resp-${number}` },
  );
  return { ...reply, chunks };
}

/** Counts words; refuses what the service's counter does. */
function count(body: Fields): Answer {
  const request = isFields(body["request"]) ? body["request"] : {};
  if (!String(request["model"] ?? body["project"] ?? "").length)
    return failure(400, "INVALID_ARGUMENT", "model is required");
  const text = JSON.stringify(request["contents"] ?? []);
  if (/"thought(?:Signature)?"/.test(text)) return failure(400, "INVALID_ARGUMENT", "Thoughts cannot be counted.");
  return json(200, { totalTokens: text.split(/\W+/).filter(Boolean).length });
}

async function handle(
  message: IncomingMessage,
  response: ServerResponse,
  answer: (asked: Asked) => Answer | undefined,
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece as Buffer);
  const { pathname, searchParams } = new URL(message.url ?? "/", "http://localhost");
  const asked = {
    method: message.method ?? "GET",
    path: pathname,
    query: searchParams,
    headers: message.headers,
    body: Buffer.concat(pieces).toString(),
  };
  const { status, headers, body, cut } = answer(asked) ?? failure(404, "NOT_FOUND", `No method ${asked.path}.`);
  response.writeHead(status, headers);
  for (const piece of typeof body === "string" ? [body] : body) response.write(piece);
  if (cut) response.destroy();
  else response.end();
}
