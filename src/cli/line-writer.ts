/** Writes many short lines with few system calls: request lines are made on the hot path. */

export interface LineSink {
  write(text: string): unknown;
  readonly writableLength: number;
}

export interface LineWriter {
  /** Without the newline. */
  line(text: string): void;
  /** Writes what is waiting, now. */
  flush(): void;
}

export interface LineWriterOptions {
  /** Milliseconds a line waits at most. Default 50. */
  readonly delay?: number;
  /** Characters that are written at once. Default 16384. */
  readonly size?: number;
  /** Bytes a slow reader may be behind before lines are left out. Default 8 MiB. */
  readonly behind?: number;
}

export function createLineWriter(stream: LineSink, options: LineWriterOptions = {}): LineWriter {
  const { delay = 50, size = 16_384, behind = 8 * 1024 * 1024 } = options;
  let waiting = "";
  let timer: NodeJS.Timeout | undefined;
  let leftOut = 0;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === "") return;
    const text = waiting;
    waiting = "";
    stream.write(leftOut === 0 ? text : `${leftOut} lines left out: nobody read them in time\n${text}`);
    leftOut = 0;
  };

  return {
    flush,
    line(text) {
      if (stream.writableLength > behind) {
        leftOut++;
        return;
      }
      waiting += `${text}\n`;
      if (waiting.length >= size) flush();
      else timer ??= setTimeout(flush, delay).unref();
    },
  };
}
