/** Small protocols that embed and count, each in a shape of its own, for what the pipeline does between any two. */
import {
  apiKeyCredential,
  type CountCodec,
  definePlugin,
  defineProvider,
  type EmbedCodec,
  jsonBody,
  type JsonObject,
  type Plugin,
  type Protocol,
  ProxyError,
} from "waygate";
import { withField } from "waygate";
import { openaiChat } from "../../src/protocols/openai-chat/index.ts";

type Fields = { readonly [name: string]: unknown };

const missing = (param: string): ProxyError =>
  new ProxyError({ kind: "invalid_request", param, message: `${param} is missing.` });

const modelOf = (json: JsonObject): string => {
  if (typeof json["model"] !== "string") throw missing("model");
  return json["model"];
};

/** `{ model, texts, size?, unit? }` to `{ vectors, tokens }`. */
const listing: EmbedCodec = {
  retarget: (body, model) => withField(body, ["model"], model),
  decodeRequest({ json }) {
    const { texts, size, purpose } = json as { texts?: string[]; size?: number; purpose?: string };
    if (!texts) throw missing("texts");
    return {
      model: modelOf(json),
      inputs: texts,
      ...(size !== undefined && { dimensions: size }),
      ...(purpose !== undefined && { taskType: purpose }),
    };
  },
  encodeRequest({ model, inputs, dimensions, taskType }) {
    const texts = inputs.filter((input) => typeof input === "string");
    const more = {
      ...(dimensions !== undefined && { size: dimensions }),
      ...(taskType !== undefined && { purpose: taskType }),
    };
    return { body: jsonBody({ model, texts, ...more }), operation: "embed" };
  },
  decodeAnswer(json) {
    const { vectors, tokens } = json as { vectors?: number[][]; tokens?: number };
    return vectors && { vectors, ...(tokens !== undefined && { usage: { input: tokens, raw: { tokens } } }) };
  },
  encodeAnswer: ({ vectors, usage }) => ({
    vectors,
    ...(usage?.input !== undefined && { tokens: usage.input }),
  }),
};

/** One text on one path (`{ text }` to `{ values }`), several on another (`{ all: [{ text }] }` to `{ each: [{ values }] }`). */
const single: EmbedCodec = {
  retarget: (body) => body,
  decodeRequest({ json }, { url }) {
    const { text, all, kind } = json as { text?: string; all?: { text: string }[]; kind?: string };
    const inputs = all ? all.map((one) => one.text) : text === undefined ? [] : [text];
    if (inputs.length === 0) throw missing("text");
    return { model: pathModel(url), inputs, ...(kind !== undefined && { taskType: kind }) };
  },
  encodeRequest({ inputs, taskType, dimensions }, lose) {
    if (inputs.some((input) => typeof input !== "string")) {
      throw new ProxyError({
        kind: "invalid_request",
        code: "unsupported_feature",
        param: "input",
        message: "No tokens.",
      });
    }
    if (dimensions !== undefined) lose({ what: "the number of dimensions", where: "size" });
    const kind: JsonObject = taskType === undefined ? {} : { kind: taskType };
    if (inputs.length === 1) return { body: jsonBody({ text: inputs[0] as string, ...kind }), operation: "embed" };
    return {
      body: jsonBody({ all: inputs.map((text) => ({ text: text as string })), ...kind }),
      operation: "embed-batch",
    };
  },
  decodeAnswer(json) {
    const { values, each } = json as { values?: number[]; each?: { values: number[] }[] };
    return values ? { vectors: [values] } : each && { vectors: each.map((one) => one.values) };
  },
  encodeAnswer: ({ vectors }, _, operation): JsonObject =>
    operation === "embed" ? { values: vectors[0] ?? [] } : { each: vectors.map((values) => ({ values })) },
};

/** `{ model, say }` to `{ n }`. */
const count: CountCodec = {
  retarget: (body, model) => withField(body, ["model"], model),
  decodeRequest: ({ json }) => ({
    model: modelOf(json),
    stream: false,
    messages: [{ role: "user", parts: [{ type: "text", text: (json as { say?: string }).say ?? "" }] }],
  }),
  encodeRequest({ model, messages }) {
    const texts = messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === "text" ? [part.text] : [])));
    return jsonBody({ model, say: texts.join("\n") });
  },
  decodeAnswer: ({ n }) => (typeof n === "number" ? n : undefined),
  encodeAnswer: (tokens) => ({ n: tokens }),
};

function pathModel(url: string): string {
  return decodeURIComponent(/\/single\/(.*):/.exec(new URL(url).pathname)?.[1] ?? "");
}

const fault = (id: string): Pick<Protocol, "encodeError" | "encodeStreamError"> => ({
  encodeError: ({ status, code, message, param }) => ({
    status,
    body: { [id]: { code, message, param: param ?? null } },
  }),
  encodeStreamError: () => [],
});

export const listProtocol: Protocol<"list"> = {
  ...openaiChat,
  ...fault("list"),
  id: "list",
  routes: { "POST /v1/list/embed": "embed", "POST /v1/list/count": "count-tokens" },
  inspect(_, { json }) {
    return { model: modelOf(json), stream: false, usage: false };
  },
  path: (_, __, operation) => (operation === "count-tokens" ? "/list/count" : "/list/embed"),
  embedding: listing,
  counting: count,
};

export const singleProtocol: Protocol<"single"> = {
  ...openaiChat,
  ...fault("single"),
  id: "single",
  routes: {
    "POST /single/**": (rest) => (rest.endsWith(":one") ? "embed" : rest.endsWith(":all") ? "embed-batch" : undefined),
  },
  inspect: ({ url }) => ({ model: pathModel(url), stream: false, usage: false }),
  path: (model, _, operation) => `/single/${model}:${operation === "embed" ? "one" : "all"}`,
  embedding: single,
};

/** Brings both, so that providers can speak them. */
export const sideProtocols: Plugin = {
  name: "side-protocols",
  apiVersion: 1,
  protocols: [listProtocol, singleProtocol],
};

/** What a provider's answer is to a request, by its shape. */
export function vectorsFor(json: Fields): Fields {
  const vector = (text: string): number[] => [text.length, 1];
  if (Array.isArray(json["texts"])) {
    const texts = json["texts"] as string[];
    return { vectors: texts.map(vector), tokens: texts.join("").length };
  }
  if (Array.isArray(json["all"])) {
    return { each: (json["all"] as { text: string }[]).map(({ text }) => ({ values: vector(text) })) };
  }
  return { values: vector(json["text"] as string) };
}

/** A provider of one of them. */
export function sideProvider(
  name: string,
  protocol: string,
  options: { readonly baseURL: string; readonly keys?: readonly string[] },
): Plugin {
  const { baseURL, keys = ["key-1"] } = options;
  return definePlugin({
    name,
    providers: [
      defineProvider<string, string, { readonly key: string }>({
        name,
        protocol,
        models: ["m"],
        prepare: (wire, { credential }) => ({
          ...wire,
          url: baseURL + wire.url,
          headers: {
            ...wire.headers,
            authorization: `Bearer ${credential.data.key}`,
            "content-type": "application/json",
          },
        }),
      }),
    ],
    setup(app) {
      for (const key of keys) app.credentials.add(apiKeyCredential(name, { value: key, label: key }));
    },
  });
}

export function post(body: unknown, headers: { readonly [name: string]: string } = {}): RequestInit {
  return { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) };
}
