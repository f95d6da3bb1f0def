/** One client's request over a socket: what it asks, how it reads, when it leaves, and what it was served. */
import { type Agent, type IncomingMessage, request as send } from "node:http";
import { type Dialect, readEnd } from "./ends.ts";
import { CLIENT_KEY } from "./plan.ts";

export interface Asked {
  readonly index: number;
  readonly dialect: Dialect;
  readonly stream: boolean;
  readonly model: string;
  /** Words of the answer. */
  readonly size: number;
  /** Milliseconds after which it leaves. */
  readonly leavesAfter: number | undefined;
  /** It leaves in the middle of its own request. */
  readonly leavesUpload: boolean;
  /** Milliseconds that it takes nothing after every part of an answer that it took. */
  readonly slow: number;
}

export interface Served {
  readonly asked: Asked;
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number;
  readonly firstAt: number | undefined;
  readonly endedAt: number;
  readonly leftAt: number | undefined;
  readonly status: number;
  /**
   * `unconnected`: nobody listened; `cut`: the connection broke; `failed`: an error inside the answer; `malformed`:
   * not what the protocol says; `wrong`: complete, and not the words that were asked for; `endless`: none came.
   */
  readonly end: "complete" | "refused" | "failed" | "left" | "cut" | "unconnected" | "malformed" | "wrong" | "endless";
  readonly why: string;
  /** Refused because the proxy is to end. */
  readonly isEnding: boolean;
  readonly bytes: number;
  /** The connection had served another request. */
  readonly reused: boolean;
}

export interface ClientPlace {
  readonly port: number;
  readonly agent: Agent | false;
  /** Told of every answer with its headers, to look for what must not be there. */
  readonly saw: (asked: Asked, text: string) => void;
}

/** The words an upstream answers with: whose they are can be seen in each, and some are more than one byte. */
export function wordsFor(index: number, size: number): string {
  return Array.from({ length: size }, (_, at) => `r${index}·${at}${at % 7 === 3 ? "→日本👋" : ""}`).join(" ");
}

/** What is asked, as it is found again in what upstreams are sent. */
export function askedIn(body: string): { readonly index: number; readonly size: number } | undefined {
  const found = /request (\d+) wants (\d+) words/.exec(body);
  return found ? { index: Number(found[1]), size: Number(found[2]) } : undefined;
}

export function bodyOf({
  index,
  dialect,
  model,
  stream,
  size,
}: Pick<Asked, "index" | "dialect" | "model" | "stream" | "size">): { readonly path: string; readonly body: object } {
  const prompt = `request ${index} wants ${size} words`;
  if (dialect === "gemini" || dialect === "gemini-array") {
    const act = !stream ? "generateContent" : `streamGenerateContent${dialect === "gemini" ? "?alt=sse" : ""}`;
    return {
      path: `/v1beta/models/${model}:${act}`,
      body: { contents: [{ role: "user", parts: [{ text: prompt }] }] },
    };
  }
  if (dialect === "openai-responses") return { path: "/v1/responses", body: { model, input: prompt, stream } };
  const messages = [{ role: "user", content: prompt }];
  return dialect === "anthropic"
    ? { path: "/v1/messages", body: { model, max_tokens: 4000, messages, stream } }
    : { path: "/v1/chat/completions", body: { model, messages, stream } };
}

/** Milliseconds: more than a deadline, its last attempt and the slowest reader take. */
const LONGEST = 40_000;
/** Bytes that a slow reader takes at a time. */
const SIP = 65_536;
const sign = /^(?:\s|:[^\n]*\n\n|event: ping\ndata: [^\n]*\n\n)*$/;

export function ask(asked: Asked, place: ClientPlace): Promise<Served> {
  const { path, body } = bodyOf(asked);
  const payload = Buffer.from(JSON.stringify(body));
  const startedAt = performance.now();
  const chunks: Buffer[] = [];
  let bytes = 0;
  let untaken = 0;
  let response: IncomingMessage | undefined;
  let firstAt: number | undefined;
  let leftAt: number | undefined;
  return new Promise((resolve) => {
    let isOver = false;
    const finish = (end: Served["end"], why: string): void => {
      if (isOver) return;
      isOver = true;
      clearTimeout(leaving);
      clearTimeout(endless);
      const text = Buffer.concat(chunks).toString();
      if (response) place.saw(asked, `${JSON.stringify(response.headers)}${text}`);
      const status = response?.statusCode ?? 0;
      const isEnding = status === 503 && text.includes("is shutting down");
      const endedAt = performance.now();
      const { reusedSocket: reused } = sent;
      resolve({ asked, startedAt, firstAt, endedAt, leftAt, status, end, why, isEnding, bytes, reused });
    };
    const leave = (): void => {
      if (isOver) return;
      leftAt = performance.now();
      sent.destroy();
      finish("left", "");
    };
    const endless = setTimeout(() => {
      finish("endless", `no end after ${LONGEST} ms, ${bytes} bytes`);
      sent.destroy();
    }, LONGEST);
    const leaving = asked.leavesAfter === undefined ? undefined : setTimeout(leave, asked.leavesAfter);
    const sent = send({
      host: "127.0.0.1",
      port: place.port,
      agent: place.agent,
      path,
      method: "POST",
      headers: {
        authorization: `Bearer ${CLIENT_KEY}`,
        "content-type": "application/json",
        "content-length": payload.length,
        "x-request-id": `chaos-${asked.index}`,
      },
    });
    sent.on("error", (error: NodeJS.ErrnoException) => {
      finish(error.code === "ECONNREFUSED" ? "unconnected" : "cut", `${error.code ?? error.message}`);
    });
    sent.on("response", (answer) => {
      response = answer;
      answer.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (firstAt === undefined && !sign.test(chunk.toString())) firstAt = performance.now();
        untaken += chunk.length;
        if (asked.slow === 0 || untaken < SIP) return;
        untaken = 0;
        answer.pause();
        setTimeout(() => answer.resume(), asked.slow);
      });
      answer.on("error", (error) => finish("cut", error.message));
      answer.on("close", () => {
        if (!answer.complete) return finish("cut", "closed inside the answer");
        const reading = readEnd({
          dialect: asked.dialect,
          stream: asked.stream,
          status: answer.statusCode ?? 0,
          type: answer.headers["content-type"] ?? "",
          text: Buffer.concat(chunks).toString(),
        });
        const isWrong = reading.end === "complete" && reading.words !== wordsFor(asked.index, asked.size);
        finish(isWrong ? "wrong" : reading.end, reading.words.slice(0, 200));
      });
    });
    if (!asked.leavesUpload) return void sent.end(payload);
    sent.write(payload.subarray(0, payload.length / 2));
    setTimeout(leave, 20);
  });
}
