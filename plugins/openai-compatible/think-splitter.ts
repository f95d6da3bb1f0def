/** Tells reasoning in `<think>` blocks from the answer, however the text is cut into pieces. */

export type ThinkPiece = { readonly reasoning: string } | { readonly text: string };

/** One per choice. Pieces that are pushed and pieces that come out are the same text in the same order, less the tags. */
export interface ThinkSplitter {
  push(text: string): readonly ThinkPiece[];
  /** What was held back because it could have become a tag. More may be pushed afterwards. */
  end(): readonly ThinkPiece[];
  /** Nothing is held back, no block is open and no line break is waited for. */
  idle(): boolean;
  /** Inside a block. */
  thinking(): boolean;
}

const open = "<think>";
const close = "</think>";

/**
 * One line break right after a tag goes with it. A closing tag that was never opened (the template did it in the prompt)
 * is taken out; what came before it cannot be called back.
 */
export function createThinkSplitter(): ThinkSplitter {
  let thinking = false;
  let begun = false;
  let afterTag = false;
  let held = "";

  const piece = (text: string): ThinkPiece[] => (text === "" ? [] : [thinking ? { reasoning: text } : { text }]);
  const wanted = (): readonly string[] => (thinking ? [close] : begun ? [open] : [open, close]);

  return {
    push(text) {
      const pieces: ThinkPiece[] = [];
      held += text;
      for (;;) {
        if (afterTag && held !== "") {
          afterTag = false;
          if (held.startsWith("\n")) held = held.slice(1);
        }
        const found = firstOf(held, wanted());
        if (!found) break;
        pieces.push(...piece(held.slice(0, found.at)));
        held = held.slice(found.at + found.tag.length);
        thinking = found.tag === open;
        begun = true;
        afterTag = true;
      }
      const sure = held.length - heldBack(held, wanted());
      pieces.push(...piece(held.slice(0, sure)));
      held = held.slice(sure);
      return pieces;
    },
    end() {
      const rest = piece(held);
      held = "";
      return rest;
    },
    idle() {
      return held === "" && !thinking && !afterTag;
    },
    thinking() {
      return thinking;
    },
  };
}

function firstOf(text: string, tags: readonly string[]): { readonly at: number; readonly tag: string } | undefined {
  const found = tags.map((tag) => ({ at: text.indexOf(tag), tag })).filter(({ at }) => at !== -1);
  return found.toSorted((a, b) => a.at - b.at)[0];
}

/** How many characters at the end are the beginning of a tag. */
function heldBack(text: string, tags: readonly string[]): number {
  const start = text.lastIndexOf("<");
  if (start === -1) return 0;
  const end = text.slice(start);
  return tags.some((tag) => end.length < tag.length && tag.startsWith(end)) ? end.length : 0;
}

/** A whole answer. What stands before a closing tag that was never opened is reasoning. */
export function splitWhole(content: string): { readonly reasoning: string; readonly text: string } {
  const first = firstOf(content, [open, close]);
  const splitter = createThinkSplitter();
  const pieces = [...splitter.push(first?.tag === close ? open + content : content), ...splitter.end()];
  return {
    reasoning: pieces.map((each) => ("reasoning" in each ? each.reasoning : "")).join(""),
    text: pieces.map((each) => ("text" in each ? each.text : "")).join(""),
  };
}
