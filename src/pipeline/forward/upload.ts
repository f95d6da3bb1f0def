/**
 * A form on its way through: read as far as it takes to know the model, sent on under the candidate's name of it while
 * the rest arrives. Of a form that is sent as it arrives no more is held than the limit below.
 */
import { ProxyError } from "../../failure/error.ts";
import type { StreamedBody } from "../../plugin/provider.ts";
import { boundaryOf, formScanner, missingModel } from "../../wire/form-scan.ts";

/** Bytes that are pulled. */
export interface ByteSource {
  /** `undefined` at the end. Called again only after it has settled. Rejects with a `ProxyError` of kind `aborted`. */
  read(): Promise<Uint8Array | undefined>;
  /** Nobody wants the rest; a pending `read` settles. */
  close(): void;
}

export interface FormInit {
  readonly contentType: string;
  /** As the client declared it. */
  readonly length: number | undefined;
  readonly source: ByteSource;
  /** The error for a form of this many bytes, if it is too large. */
  tooLarge(size: number): ProxyError | undefined;
}

export interface Upload {
  /** As the client named it. */
  readonly model: string;
  /** False once a part that was sent is not held any more, or the form turned out to be broken. */
  readonly repeatable: boolean;
  /** Why the form cannot be sent, once that is known: always the client's fault. */
  readonly failure: ProxyError | undefined;
  body(model: string): StreamedBody;
  close(): void;
}

/**
 * Bytes of a form that are kept for another candidate: room for a sound of some minutes or a few pictures, and for a
 * hundred of them at once in less than a gigabyte. What had to be read before the model was known is kept beyond it,
 * since it is there already.
 */
export const HOLD: number = 8 * 1024 * 1024;

/** Resolves when the model is known. Rejects with a `ProxyError` of status 400 or 413; the source is closed then. */
export async function readUpload(form: FormInit): Promise<Upload> {
  const { source } = form;
  const held: Uint8Array[] = [];
  let size = 0;
  let ended = false;
  let gone = false;
  let turn = 0;
  let failure: ProxyError | undefined;
  let pulling: Promise<void> | undefined;

  const take = async (): Promise<void> => {
    if (failure) throw failure;
    try {
      const chunk = await source.read();
      if (chunk === undefined) {
        ended = true;
        scanner.end();
        return;
      }
      size += chunk.byteLength;
      const excess = form.tooLarge(size);
      if (excess) throw excess;
      scanner.push(chunk);
      held.push(chunk);
    } catch (error) {
      throw (failure = error as ProxyError);
    }
  };
  /** One reading at a time: who was opened before may still be waiting for it. */
  const pull = (): Promise<void> => (pulling ??= take().finally(() => (pulling = undefined)));

  let scanner: ReturnType<typeof formScanner>;
  try {
    scanner = formScanner(boundaryOf(form.contentType));
    while (!scanner.model) {
      if (ended) throw missingModel('The form has no field "model".');
      await pull();
    }
  } catch (error) {
    source.close();
    throw error;
  }
  const { value, from, to } = scanner.model;
  const keep = Math.max(HOLD, size);

  async function* open(name: Uint8Array, mine: number): AsyncGenerator<Uint8Array, void> {
    let at = 0;
    let start = 0;
    for (;;) {
      if (mine !== turn) throw new ProxyError({ kind: "aborted", message: "The form is being sent to somebody else." });
      const chunk = held[at];
      if (chunk === undefined) {
        if (failure) throw failure;
        if (ended) return;
        await pull();
        continue;
      }
      at += 1;
      if (size > keep) {
        held.splice(0, at);
        at = 0;
        gone = true;
      }
      const end = start + chunk.byteLength;
      if (end <= from || start >= to) yield chunk;
      else {
        if (start < from) yield chunk.subarray(0, from - start);
        if (start <= from) yield name;
        if (end > to) yield chunk.subarray(to - start);
      }
      start = end;
    }
  }

  const upload: Upload = {
    model: value,
    get repeatable() {
      return !gone && failure === undefined;
    },
    get failure() {
      return failure;
    },
    body(model) {
      const name = Buffer.from(model);
      return {
        contentType: form.contentType,
        length: form.length === undefined ? undefined : form.length - (to - from) + name.byteLength,
        get repeatable() {
          return upload.repeatable;
        },
        open: () => open(name, ++turn),
      };
    },
    close() {
      turn += 1;
      held.length = 0;
      gone = true;
      source.close();
    },
  };
  return upload;
}
