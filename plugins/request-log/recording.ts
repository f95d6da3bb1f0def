/** One request as it goes by: what is heard of it becomes parts of files. */
import { type AnswerTap, type Attempt, type Context, type HeaderRecord, maskSecrets, type Outcome } from "waygate";
import type { Page } from "./desk.ts";
import {
  type Answered,
  chunkText,
  gapText,
  type Heard,
  metadataText,
  payloadText,
  requestText,
  responseText,
} from "./documents.ts";
import { createMasker, type LineReader, wholeLines } from "./redact.ts";

export interface Recording {
  readonly tap: AnswerTap;
  end(outcome: Outcome): void;
}

export interface RecordingInit {
  readonly ctx: Context;
  readonly page: Page;
  /** Whether the upstreams' side is written too. */
  readonly provider: boolean;
  /** Absent where it could not be read. */
  readonly body: string | undefined;
}

/** What a file takes beside its content. */
const FRAME = 4096;

const isText = (type: string | undefined): boolean =>
  type === undefined || /^text\/|json|xml|event-stream|x-www-form-urlencoded/.test(type);

export function startRecording({ ctx, page, provider, body }: RecordingInit): Recording {
  const { clock } = ctx.app.runtime;
  const began = clock.now();
  let cut = 0;
  let dropped = 0;
  const { mask, refresh } = createMasker(ctx);
  const heard = new Map<number, Heard>();
  /** Writes what the upstreams' last lines hold. */
  const ends: (() => void)[] = [];

  const put = (file: string, cost: number, make: () => string, always = false): boolean => {
    const refused = page.write(file, cost, make, always);
    if (refused === "cut") cut += cost;
    if (refused === "dropped") dropped += cost;
    return refused === undefined;
  };
  const fit = (text: string | undefined): string | undefined => {
    const room = Math.max(0, page.left - FRAME);
    if (text === undefined || text.length <= room) return text;
    cut += text.length - room;
    return text.slice(0, room);
  };
  const whole = (file: string, text: string | undefined, make: (text: string | undefined) => string): void => {
    const fitting = fit(text);
    put(file, FRAME + (fitting?.length ?? 0), () => make(fitting), true);
  };

  /** A file that grows while bytes come; what was lost on the way leaves a mark. */
  const growing = (
    file: string,
    write: (lines: string, at: number) => string,
    mark: (bytes: number, at: number) => string,
  ): ((bytes: Uint8Array) => void) => {
    let reader: LineReader = wholeLines();
    let gap = 0;
    const add = (bytes: Uint8Array | undefined): void => {
      const at = clock.now();
      const lost = gap;
      const cost = bytes?.byteLength ?? 0;
      // The bytes are a piece of what the network has brought, which would be kept whole.
      const copy = bytes?.slice();
      const done = put(
        file,
        cost,
        () => {
          let text = "";
          if (lost > 0) {
            text = write(reader.rest(), at) + mark(lost, at);
            reader = wholeLines();
          }
          return text + write(copy ? reader.push(copy) : reader.rest(), at);
        },
        bytes === undefined,
      );
      gap = done ? 0 : gap + cost;
    };
    ends.push(() => add(undefined));
    return add;
  };

  whole("request.json", body, (text) => requestText(ctx, text, began, mask));

  let answered: Answered | undefined;
  let pieces: Uint8Array[] | undefined;
  let size = 0;
  let see: (bytes: Uint8Array) => void = () => {};
  const tap: AnswerTap = {
    head(status, headers) {
      refresh();
      answered = { status, headers: { ...headers }, at: clock.now() };
      const type = headers["content-type"];
      if (ctx.stream || type?.includes("event-stream")) {
        const write = (text: string, at: number): string =>
          mask(text)
            .split(/\r?\n/)
            .map((line) => chunkText(line, at))
            .join("");
        see = growing("streaming_chunks.jsonl", write, gapText);
      } else if (isText(type)) {
        pieces = [];
        see = (bytes) => {
          if (size <= page.left) pieces!.push(bytes.slice());
          size += bytes.byteLength;
        };
      }
    },
    data: (bytes) => see(bytes),
    ...(provider && {
      upstream(attempt: Attempt, status: number, headers: HeaderRecord) {
        refresh();
        heard.set(attempt.index, { status, headers: { ...headers } });
        const type = headers["content-type"];
        if (!isText(type)) return undefined;
        const failed = status < 200 || status >= 300;
        const stream = type?.includes("event-stream") ?? false;
        const file = failed ? "error.log" : stream ? "response_stream.log" : "final_response.json";
        // Upstreams tell of accounts where they say what is wrong.
        const write = (text: string): string => (failed ? maskSecrets(mask(text)) : mask(text));
        return growing(`${folderOf(attempt)}/${file}`, write, (lost) => `\n[${lost} bytes are missing here]\n`);
      },
    }),
  };

  return {
    tap,
    end(outcome) {
      refresh();
      for (const end of ends) end();
      if (answered) {
        const given = answered;
        const text = pieces && Buffer.concat(pieces).toString("utf8");
        whole("response.json", text, (data) => responseText(ctx, given, began, data, mask));
      }
      if (provider) {
        for (const attempt of ctx.attempts) {
          whole(`${folderOf(attempt)}/request_payload.json`, attempt.wire.body?.text, (data) =>
            payloadText(attempt, data, mask),
          );
        }
      }
      put("metadata.json", FRAME, () => metadataText(outcome, ctx, heard, { cut, dropped }, mask), true);
      page.end();
    },
  };
}

/** `provider` for the first attempt, `provider_2` for the second. */
function folderOf({ index }: Attempt): string {
  return index === 0 ? "provider" : `provider_${index + 1}`;
}
