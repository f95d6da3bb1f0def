/** How long prompts and answers may be, and whether tools and pictures may be used, by model and by client. */
import {
  type Context,
  countTokens,
  definePlugin,
  defineSlot,
  type Part,
  type Plugin,
  ProxyError,
  type Target,
} from "waygate";
import { clamped } from "./clamp.ts";
import { type Caps, compileCaps, type RequestCapRule } from "./rules.ts";

export type { RequestCapRule } from "./rules.ts";

/** What one request may, by `provider/model`. */
interface Ruled {
  /** Where it cannot go. */
  readonly refused: ReadonlyMap<string, string>;
  /** Tokens of the answer at most. */
  readonly output: ReadonlyMap<string, number>;
}

/** Tokens of a picture or other media, as `countTokens` takes them. */
const PER_MEDIA = 765;

/**
 * Of each property the first rule that fits the model and the client counts. A request that no target of its model may
 * take is a 400: `context_length_exceeded`, `token_limit_exceeded` or `unsupported_feature`; where some may, the others
 * are left out. Throws a `ConfigError` for a rule that is none.
 */
export function requestCaps(rules: RequestCapRule | readonly RequestCapRule[]): Plugin<readonly []> {
  const capsOf = compileCaps([rules].flat());
  const slot = defineSlot<Ruled>("request-caps");
  return definePlugin({
    name: "request-caps",
    hooks: {
      filter: {
        when: ({ operation }) => operation === "generate" || operation === "embed" || operation === "embed-batch",
        async handler(ctx) {
          const targets = ctx.app.models.resolve(ctx.model);
          const caps = capsOf(targets, ctx);
          if (caps.every((each) => each === undefined)) return;
          const refused = new Map<string, string>();
          const output = new Map<string, number>();
          const tokens = await promptTokens(ctx, targets[0]!.model, caps);
          let first: ProxyError | undefined;
          for (const [index, target] of targets.entries()) {
            const fault = faultOf(ctx, caps[index], tokens);
            const most = caps[index]?.output ?? 0;
            if (fault === undefined) {
              if (most > 0 && ctx.operation === "generate") output.set(nameOf(target), most);
            } else {
              first ??= fault;
              refused.set(nameOf(target), fault.message);
            }
          }
          if (first && refused.size === targets.length) throw first;
          if (refused.size > 0 || output.size > 0) ctx.set(slot, { refused, output });
        },
      },
      selectKey: {
        precedence: "drop",
        when: (ctx) => (ctx.get(slot)?.refused.size ?? 0) > 0,
        handler(candidates, ctx, selection) {
          const { refused } = ctx.get(slot)!;
          return candidates.filter((candidate) => {
            const reason = refused.get(nameOf(candidate));
            if (reason !== undefined) selection.drop(candidate, { reason, kind: "filtered" });
            return reason === undefined;
          });
        },
      },
      transform: {
        when: (ctx) => ctx.get(slot) !== undefined,
        handler(attempt) {
          const most = attempt.ctx.get(slot)?.output.get(nameOf(attempt));
          const { body } = attempt.wire;
          if (most === undefined || !body) return;
          const changed = clamped(body, attempt.protocol.id, most);
          if (changed !== body) attempt.wire = { ...attempt.wire, body: changed };
        },
      },
    },
  });
}

function nameOf({ provider, model }: Pick<Target, "provider" | "model">): string {
  return `${provider.name}/${model}`;
}

/** Counted only where it can be more than somebody's limit: no token is shorter than a byte of the request. */
async function promptTokens(ctx: Context, model: string, caps: readonly (Caps | undefined)[]): Promise<number> {
  const limits = caps.map((each) => each?.input ?? 0).filter((limit) => limit > 0);
  if (limits.length === 0) return 0;
  const bytes = Buffer.byteLength(ctx.body.text) + media(ctx).length * PER_MEDIA;
  if (bytes <= Math.min(...limits)) return 0;
  return countTokens(ctx.request, model, ctx.signal, Math.max(...limits));
}

function faultOf(ctx: Context, caps: Caps | undefined, tokens: number): ProxyError | undefined {
  if (caps === undefined) return undefined;
  const { input = 0, output = 0, over = "clamp", tools = true, vision = true } = caps;
  const model = JSON.stringify(ctx.model.slice(0, 200));
  if (!tools && (ctx.request.tools?.length ?? 0) > 0) {
    return refusal("unsupported_feature", "tools", `Tools may not be used with ${model} here.`);
  }
  if (!vision && media(ctx).length > 0) {
    return refusal("unsupported_feature", "messages", `Pictures and other media may not be sent to ${model} here.`);
  }
  const wanted = ctx.operation === "generate" ? ctx.request.maxTokens : undefined;
  if (over === "refuse" && output > 0 && wanted !== undefined && wanted > output) {
    const message = `An answer of ${model} may have ${output} tokens here, and the request asks for ${wanted}.`;
    return refusal("token_limit_exceeded", "max_tokens", message);
  }
  if (input > 0 && tokens > input) {
    const message = `A prompt for ${model} may have ${input} tokens here, and this one has more.`;
    return refusal("context_length_exceeded", "messages", message);
  }
  return undefined;
}

function refusal(code: string, param: string, message: string): ProxyError {
  return new ProxyError({ kind: "invalid_request", scope: "request", status: 400, code, param, message });
}

function media({ request }: Context): readonly Part[] {
  const within = (part: Part): readonly Part[] =>
    part.type === "media" ? [part] : part.type === "tool-result" ? part.content.flatMap(within) : [];
  return request.messages.flatMap(({ parts }) => parts.flatMap(within));
}
