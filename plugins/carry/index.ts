/**
 * Signatures and sealed reasoning for clients that have no place for them: kept here by the id of the tool call they
 * belong to, and put back when the conversation returns with that call.
 */
import {
  type Context,
  definePlugin,
  defineSlot,
  type GenerateRequest,
  type Json,
  type Message,
  type Part,
  type Plugin,
  type Seal,
  type Slot,
  type StreamEvent,
} from "waygate";

export interface CarryOptions {
  /** Milliseconds a signature is kept after its answer. Default one day. */
  readonly ttl?: number;
}

type Reasoning = Extract<Part, { type: "reasoning" }>;

/** What is kept for one tool call. */
interface Kept {
  /** Sealed reasoning that came before the call in its turn. */
  readonly reasoning: readonly Reasoning[];
  /** The call's own signature. */
  readonly seal?: Seal;
}

/** The answer so far. */
interface Seen {
  readonly thoughts: Map<number, { text: string; seal: Seal | undefined }>;
  /** Ids of calls by the index of their block. */
  readonly calls: Map<number, { readonly id: string; seal: Seal | undefined }>;
}

const DAY = 24 * 3_600_000;

/** Takes part only where client and upstream speak different protocols: others see their own seals. */
export function carry({ ttl = DAY }: CarryOptions = {}): Plugin<readonly []> {
  const answer: Slot<Seen> = defineSlot("carry");
  const keyOf = ({ principal }: Context, call: string): string => `carry:${principal?.id ?? ""}:${call}`;

  return definePlugin({
    name: "carry",
    hooks: {
      filter: {
        order: "post",
        when: ({ operation, body }) => operation === "generate" && body.text.includes("tool"),
        async handler(ctx) {
          const kept = new Map<string, Kept>();
          for (const id of callsOf(ctx.request)) {
            const found = await ctx.app.state.get(keyOf(ctx, id));
            if (found !== undefined) kept.set(id, found as unknown as Kept);
          }
          if (kept.size > 0) ctx.request = withKept(ctx.request, kept);
        },
      },
      event: {
        when: ({ attempts, protocol }) => attempts.at(-1)?.protocol !== protocol,
        handler(event, ctx) {
          let seen = ctx.get(answer);
          if (!seen) ctx.set(answer, (seen = { thoughts: new Map(), calls: new Map() }));
          look(event, seen);
          return event;
        },
      },
      async record(_outcome, ctx) {
        const seen = ctx.get(answer);
        if (!seen) return;
        const reasoning = [...seen.thoughts.values()].flatMap(({ text, seal }): Reasoning[] =>
          seal ? [{ type: "reasoning", text, seal }] : [],
        );
        // Reasoning belongs to the whole turn, of which the first call is one that always comes back.
        for (const [place, { id, seal }] of [...seen.calls.values()].entries()) {
          const kept: Kept = { reasoning: place === 0 ? reasoning : [], ...(seal && { seal }) };
          if (kept.reasoning.length === 0 && !seal) continue;
          await ctx.app.state.set(keyOf(ctx, id), kept as unknown as Json, ttl);
        }
      },
    },
  });
}

function look(event: StreamEvent, { thoughts, calls }: Seen): void {
  if (event.type === "tool-start") calls.set(event.index, { id: event.id, seal: event.seal });
  else if (event.type === "reasoning-start") thoughts.set(event.index, { text: "", seal: undefined });
  else if (event.type === "reasoning-delta") {
    const thought = thoughts.get(event.index);
    if (thought) thought.text += event.delta;
  } else if (event.type === "seal") {
    const block = thoughts.get(event.index) ?? calls.get(event.index);
    if (block) block.seal = event.seal;
  }
}

function callsOf({ messages }: GenerateRequest): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { parts } of messages) for (const part of parts) if (part.type === "tool-call") ids.add(part.id);
  return ids;
}

function withKept(request: GenerateRequest, kept: ReadonlyMap<string, Kept>): GenerateRequest {
  return { ...request, messages: request.messages.map((message) => restored(message, kept)) };
}

/** Sealed reasoning takes the place of what the client has shown of it: the text alone is not what was signed. */
function restored(message: Message, kept: ReadonlyMap<string, Kept>): Message {
  if (message.role !== "assistant") return message;
  const isSealed = message.parts.some((part) => part.type === "reasoning" && part.seal);
  let reasoning: readonly Reasoning[] = [];
  const parts = message.parts.map((part): Part => {
    const found = part.type === "tool-call" ? kept.get(part.id) : undefined;
    if (part.type !== "tool-call" || !found) return part;
    if (reasoning.length === 0) reasoning = found.reasoning;
    return found.seal && !part.seal ? { ...part, seal: found.seal } : part;
  });
  if (isSealed || reasoning.length === 0) return { ...message, parts };
  return { ...message, parts: [...reasoning, ...parts.filter((part) => part.type !== "reasoning")] };
}
