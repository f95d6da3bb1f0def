/** Where commands write: two streams, each with its own colours, marks and width. */

export type Paint = (text: string) => string;

/** Without colour every function returns its argument. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly blue: Paint;
  readonly cyan: Paint;
}

export interface Out {
  /** True when a person looks at it; else the output is for a program or a file. */
  readonly isTerminal: boolean;
  /** `Infinity` when nobody looks. */
  readonly columns: number;
  readonly style: Style;
  /** The text in characters that can be shown there. Apply before measuring. */
  marks(text: string): string;
  /** Writes one line or several; the newline at the end is added. */
  line(text?: string): void;
}

export interface Terminal {
  /** Data. */
  readonly out: Out;
  /** Banner, progress, warnings, hints. */
  readonly err: Out;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Stacks are wanted. */
  readonly verbose: boolean;
}

export interface TerminalOptions {
  /** From `--color` and `--no-color`. Default: what the environment says. */
  readonly color?: boolean;
  readonly ascii?: boolean;
  readonly verbose?: boolean;
}

/** The terminal of this process. */
export function createTerminal({ color, ascii = false, verbose = false }: TerminalOptions = {}): Terminal {
  const { env, stdout, stderr } = process;
  const openOut = (stream: NodeJS.WriteStream): Out => {
    const isTerminal = stream.isTTY === true;
    const isAscii = ascii || (isTerminal && !isUtf8(env));
    const marks = isAscii ? toAscii : (text: string): string => text;
    return {
      isTerminal,
      columns: isTerminal ? stream.columns || 80 : Number.POSITIVE_INFINITY,
      style: createStyle(color ?? wantsColor(env, isTerminal)),
      marks,
      line: (text = "") => void stream.write(`${marks(text)}\n`),
    };
  };
  return { out: openOut(stdout), err: openOut(stderr), env, cwd: process.cwd(), verbose };
}

/** no-color.org, and FORCE_COLOR as Node reads it. */
function wantsColor(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  if (env["NO_COLOR"]) return false;
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return isTerminal && env["TERM"] !== "dumb";
}

function createStyle(color: boolean): Style {
  const paint = (open: number, close: number): Paint =>
    color ? (text) => (text === "" ? "" : `\u001B[${open}m${text}\u001B[${close}m`) : (text) => text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    blue: paint(34, 39),
    cyan: paint(36, 39),
  };
}

/** The first of these that is set decides (POSIX, locale environment variables). Without any, systems but Linux have it. */
function isUtf8(env: NodeJS.ProcessEnv): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"];
  return locale ? /utf-?8/i.test(locale) : process.platform !== "linux";
}

const replacements: { readonly [mark: string]: string } = {
  "✔": "+",
  "✘": "x",
  "●": "*",
  "○": "o",
  "◔": "c",
  "◐": "h",
  "✕": "x",
  "¤": "$",
  "⊘": "b",
  "‖": "=",
  "·": ".",
  "→": "->",
  "…": "..",
  "–": "-",
  "—": "-",
  "›": ">",
  "│": "|",
  "•": "*",
  "▁": "_",
  "▂": ".",
  "▃": ":",
  "▄": "-",
  "▅": "=",
  "▆": "+",
  "▇": "#",
  "░": ".",
  "┤": "|",
  "└": "+",
  "≥": ">=",
};

function toAscii(text: string): string {
  return text.replace(/[✔✘●○◔◐✕¤⊘‖·→…–—›│•▁-▇░┤└≥]/g, (mark) => replacements[mark] ?? mark);
}
