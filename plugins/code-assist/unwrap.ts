/** Takes the envelope off answers: `{ response, traceId, … }` becomes the response, whose text is not made anew. */
import { readField, type Rewriter, type Sse } from "waygate";

/** Messages and bodies without an envelope, as errors are, pass as they are. */
export function unwrapResponses(): Rewriter {
  return {
    message(message) {
      const data = responseIn(message.data);
      return data === undefined ? message : { ...message, data };
    },
    body: (text) => responseIn(text) ?? text,
  };
}

function responseIn(text: string): string | undefined {
  if (!text.includes('"response"')) return undefined;
  const whole = readField(text, ["response"]);
  if (whole !== undefined) return whole;
  // An answer to a stream may be a list of what would be its messages.
  const only = /^\s*\[\s*(\{.*\})\s*\]\s*$/s.exec(text)?.[1];
  return only === undefined ? undefined : readField(only, ["response"]);
}

/** One rewriter behind the other. */
export function chained(rewriters: readonly Rewriter[]): Rewriter {
  const through = (messages: readonly Sse[], from: number): readonly Sse[] =>
    rewriters.slice(from).reduce<readonly Sse[]>(
      (list, rewriter) =>
        list.flatMap((message) => {
          const changed = rewriter.message(message);
          return changed === undefined ? [] : (changed as Sse | readonly Sse[]);
        }),
      messages,
    );
  return {
    message(message) {
      const [only, ...others] = through([message], 0);
      if (only === undefined) return undefined;
      return others.length === 0 ? only : [only, ...others];
    },
    end() {
      const left = rewriters.flatMap((rewriter, at) => {
        const rest = rewriter.end?.();
        return rest === undefined ? [] : through([rest], at + 1);
      });
      return left[0];
    },
    body: (text) => rewriters.reduce((each, rewriter) => rewriter.body?.(each) ?? each, text),
  };
}
