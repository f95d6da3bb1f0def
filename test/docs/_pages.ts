/** Pages of the docs as what a reader would copy from them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../package/source.ts";

export const readPage = (path: string): string => readFileSync(join(root, path), "utf8");

/** Sections by their title. */
export function sectionsOf(page: string): { readonly [title: string]: string } {
  const parts = page.split(/^## (.+)$/m).slice(1);
  return Object.fromEntries(
    parts.flatMap((title, index) => (index % 2 === 0 ? [[title, parts[index + 1] ?? ""]] : [])),
  );
}

/** The code blocks of a language, without their fences. */
export function blocksOf(text: string, language: string): readonly string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, code = ""]) => code);
}

/** The cells of every row of the first table, without the backquotes. */
export function rowsOf(text: string): readonly (readonly string[])[] {
  const lines = /^\|(?:.*\|\n)+/m.exec(text)?.[0].trim().split("\n") ?? [];
  return lines.slice(2).map((line) => line.replaceAll("`", "").slice(2, -2).split(" | "));
}

/** What `curl` would ask, as arguments of `fetch`. Throws for an option this does not know. */
export function readCurl(line: string): readonly [string, RequestInit] {
  const words = [...line.replaceAll("\\\n", " ").matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? "",
  );
  if (words.shift() !== "curl") throw new Error(`This is no curl line: ${line}`);
  const headers = new Headers();
  let url = "";
  let body: string | undefined;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "-H") {
      const [name = "", value = ""] = words.shift()?.split(/:\s*/) ?? [];
      headers.set(name, value);
    } else if (word === "-d") body = words.shift();
    else if (/^-[siN]+$/.test(word)) continue;
    else if (word.startsWith("http")) url = word;
    else throw new Error(`readCurl does not know ${word}.`);
  }
  // What curl itself says about the body of -d.
  if (body !== undefined && !headers.has("content-type")) {
    headers.set("content-type", "application/x-www-form-urlencoded");
  }
  return [url, { method: body === undefined ? "GET" : "POST", headers, body }];
}

export interface Answer {
  readonly status: string;
  readonly headers: { readonly [name: string]: string };
  /** JSON, or of an event stream one entry per `data:` line. */
  readonly body: unknown;
}

/** An answer as `curl -i` prints it. */
export function readAnswer(text: string): Answer {
  const [head = "", ...rest] = text.split("\n\n");
  const [status = "", ...lines] = head.split("\n");
  return {
    status,
    headers: Object.fromEntries(lines.map((line) => line.split(": "))),
    body: readBody(rest.join("\n\n")),
  };
}

function readBody(text: string): unknown {
  if (!text.startsWith("data:")) return JSON.parse(text);
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const data = line.replace(/^data: ?/, "");
    return data.startsWith("{") ? JSON.parse(data) : line;
  });
}

/** The answer in the same form, with only the headers that `shown` has. */
export async function answerOf(response: Response, shown: Answer): Promise<Answer> {
  const headers = Object.keys(shown.headers).map((name) => [name, response.headers.get(name) ?? "(absent)"]);
  return {
    status: `HTTP/1.1 ${response.status}`,
    headers: Object.fromEntries(headers),
    body: readBody(await response.text()),
  };
}

/** `actual` with `shown`'s text wherever that stands for what is there: `…` stands for anything. */
export function masked(actual: unknown, shown: unknown): unknown {
  if (typeof shown === "string" && shown.includes("…")) {
    const pattern = shown
      .split("…")
      .map((part) => RegExp.escape(part))
      .join("[^]+");
    return (typeof actual === "string" || typeof actual === "number") && new RegExp(`^${pattern}$`).test(String(actual))
      ? shown
      : actual;
  }
  if (typeof actual !== "object" || actual === null || typeof shown !== "object" || shown === null) return actual;
  const like = shown as { readonly [key: string]: unknown };
  if (Array.isArray(actual)) return actual.map((item: unknown, index) => masked(item, like[index]));
  return Object.fromEntries(Object.entries(actual).map(([key, value]) => [key, masked(value, like[key])]));
}
