/**
 * Finds the field `model` of a multipart form and checks the form's frame while its bytes pass. Files are neither
 * parsed nor kept. Sources: RFC 2046, 5.1.1 (boundaries), RFC 7578, 4 (fields of a form).
 */
import { ProxyError } from "../failure/error.ts";

/** Where the value of a field stands in the form; `to` is the offset of the first byte after it. */
export interface FormField {
  readonly value: string;
  readonly from: number;
  readonly to: number;
}

/** Every function throws a `ProxyError` of status 400 for what is no form or has no use for `model`. */
export interface FormScanner {
  push(chunk: Uint8Array): void;
  /** No more will come. */
  end(): void;
  /** The field, once all of it has passed. */
  readonly model: FormField | undefined;
}

/** Bytes the headers of one part may have, as many as undici and busboy allow. */
const MOST_HEADERS = 16 * 1024;
/** Bytes a model's name may have. */
const MOST_MODEL = 1024;
/** Blanks that may stand behind a boundary. */
const MOST_PADDING = 64;

const HEADERS_END = Buffer.from("\r\n\r\n");

/** The boundary a content type names. */
export function boundaryOf(contentType: string): string {
  const boundary =
    parameters(contentType)
      .find(({ name }) => name === "boundary")
      ?.value.trimEnd() ?? "";
  if (boundary !== "" && boundary.length <= 200) return boundary;
  throw fault(
    'The content type names no boundary, as in "multipart/form-data; boundary=X". Do not set content-type by hand: the HTTP client writes it with the form.',
  );
}

export function formScanner(boundary: string): FormScanner {
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  /** What has not been understood yet; the first boundary has no line before it, so one is made up. */
  let rest: Buffer = Buffer.from("\r\n");
  let offset = -2;
  let state: "before" | "data" | "head" | "closed" = "before";
  /** True inside the value of `model`, which `rest` begins with. */
  let inModel = false;
  let model: FormField | undefined;

  /** What follows a boundary: the place of the line's end, or why there is none. */
  const lineEnd = (from: number): number | "closing" | "text" | "more" => {
    if (rest[from] === 45 && rest[from + 1] === 45) return "closing";
    let at = from;
    while (rest[at] === 32 || rest[at] === 9) at += 1;
    if (at - from > MOST_PADDING) return "text";
    if (rest[at] === 13 && rest[at + 1] === 10) return at;
    const open =
      at === rest.length || ((rest[at] === 13 || (rest[at] === 45 && at === from)) && at + 1 === rest.length);
    return open ? "more" : "text";
  };
  const skip = (bytes: number): void => {
    rest = rest.subarray(bytes);
    offset += bytes;
  };
  const tooLong = (): ProxyError => fault(`The form's field "model" is longer than ${MOST_MODEL} bytes.`, "model");

  /** Takes the part's end, if it is here. False: more is needed. */
  const passData = (): boolean => {
    let from = 0;
    for (;;) {
      const at = rest.indexOf(delimiter, from);
      const known = at === -1 ? Math.max(0, rest.length - delimiter.length + 1) : at;
      if (inModel && known > MOST_MODEL) throw tooLong();
      if (at === -1) {
        if (!inModel) skip(known);
        return false;
      }
      const after = lineEnd(at + delimiter.length);
      if (after === "text") {
        // Another text that only begins like the boundary.
        from = at + 1;
        continue;
      }
      if (after === "more") {
        if (!inModel) skip(at);
        return false;
      }
      if (inModel) model = fieldOf(rest.subarray(0, at), offset);
      inModel = false;
      state = after === "closing" ? "closed" : "head";
      skip(after === "closing" ? rest.length : after);
      return true;
    }
  };
  /** Takes the headers of a part, from the end of the boundary's line on. */
  const passHead = (): boolean => {
    const at = rest.indexOf(HEADERS_END);
    if ((at === -1 ? rest.length : at) > MOST_HEADERS) {
      throw fault(`The form has a part at byte ${offset + 2} whose headers are longer than ${MOST_HEADERS} bytes.`);
    }
    if (at === -1) return false;
    inModel = nameOf(rest.toString("utf8", 0, at)) === "model";
    if (inModel && model) {
      throw fault('The form has two fields "model", and upstreams differ in which one counts. Send one.', "model");
    }
    skip(at + HEADERS_END.length);
    state = "data";
    return true;
  };

  return {
    get model() {
      return model;
    },
    push(chunk) {
      if (state === "closed") return;
      rest =
        rest.length === 0
          ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
          : Buffer.concat([rest, chunk]);
      while (state !== ("closed" as typeof state) && (state === "head" ? passHead() : passData()));
    },
    end() {
      if (state === "before") {
        throw fault(
          `The body does not hold the boundary "--${boundary}" that its content type names. Let the HTTP client write both.`,
        );
      }
      if (state !== "closed") {
        throw fault(
          `The form breaks off after ${offset + rest.length} bytes: its last line "--${boundary}--" is missing. Send all of it.`,
        );
      }
      if (!model) throw missingModel('The form has no field "model".');
    },
  };
}

/** The error for a request that does not say who is asked. */
export function missingModel(what: string): ProxyError {
  return fault(
    `${what} It decides which upstream is asked: send one from GET /v1/models or PROVIDER/MODEL, as in "openai/NAME".`,
    "model",
  );
}

function fieldOf(bytes: Buffer, from: number): FormField {
  const value = bytes.toString("utf8");
  if (value === "") throw missingModel('The form\'s field "model" is empty.');
  return { value, from, to: from + bytes.length };
}

/** The name of the part with these headers. */
function nameOf(headers: string): string | undefined {
  const line = headers.split("\r\n").find((each) => /^content-disposition[ \t]*:/i.test(each));
  return line === undefined ? undefined : parameters(line).find(({ name }) => name === "name")?.value;
}

/** The parameters behind the first semicolon of a header's value; a name inside a quoted text is none. */
function parameters(text: string): { readonly name: string; readonly value: string }[] {
  const found = text.matchAll(/;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]*))/g);
  return [...found].map(([, name = "", quoted, bare]) => ({
    name: name.toLowerCase(),
    value: quoted === undefined ? (bare ?? "").trim() : quoted.replaceAll(/\\(["\\])/g, "$1"),
  }));
}

function fault(message: string, param?: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", scope: "request", status: 400, message, param });
}
