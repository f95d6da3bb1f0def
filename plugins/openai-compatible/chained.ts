/** Several hands on one answer. */
import type { Rewriter, Sse } from "waygate";

/** One rewriter behind the other: what the first lets through is what the second sees. */
export function chainRewriters(rewriters: readonly Rewriter[]): Rewriter {
  const [first, ...others] = rewriters;
  if (!first) return { message: (message) => message };
  return others.reduce(behind, first);
}

function behind(first: Rewriter, second: Rewriter): Rewriter {
  const through = (message: Sse): readonly Sse[] => listOf(second.message(message));
  return {
    message(message) {
      const changed = first.message(message);
      if (changed === undefined) return undefined;
      if (!Array.isArray(changed)) return second.message(changed as Sse);
      return (changed as readonly Sse[]).flatMap(through);
    },
    end() {
      const rest = first.end?.();
      const passed = rest === undefined ? [] : through(rest);
      const own = second.end?.();
      return joined(own === undefined ? passed : [...passed, own]);
    },
    body(text) {
      const changed = first.body?.(text) ?? text;
      return second.body?.(changed) ?? changed;
    },
  };
}

function listOf(changed: ReturnType<Rewriter["message"]>): readonly Sse[] {
  return changed === undefined ? [] : Array.isArray(changed) ? (changed as readonly Sse[]) : [changed as Sse];
}

/** A stream may end with one message only: chunks of chat that come together are one chunk. */
function joined(messages: readonly Sse[]): Sse | undefined {
  const [only, ...others] = messages;
  if (only === undefined || others.length === 0) return only;
  const chunks = messages.map(({ data }) => JSON.parse(data) as { readonly choices?: readonly unknown[] });
  return {
    data: JSON.stringify(Object.assign({}, ...chunks, { choices: chunks.flatMap(({ choices = [] }) => choices) })),
  };
}
