/** One answer to the answers of its members: their vectors and their share of the tokens. */
import type { EmbedAnswer, Usage } from "waygate";
import type { Member } from "./member.ts";

/** Whole numbers in the proportion of `weights`, which sum to `total` exactly. */
export function shares(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const exact = weights.map((weight) => (sum === 0 ? total / weights.length : (total * weight) / sum));
  const whole = exact.map(Math.floor);
  let left = total - whole.reduce((all, part) => all + part, 0);
  // What rounding has left over goes to those it has cost most.
  const byLoss = exact.map((part, index) => ({ index, loss: part - whole[index]! })).sort((a, b) => b.loss - a.loss);
  for (const { index } of byLoss) if (left-- > 0) whole[index]!++;
  return whole;
}

/** `undefined` when the answer has not one vector for each input. */
export function split(answer: EmbedAnswer, members: readonly Member[]): readonly EmbedAnswer[] | undefined {
  const inputs = members.reduce((all, { request }) => all + request.inputs.length, 0);
  if (answer.vectors.length !== inputs) return undefined;
  const weights = members.map(({ request }) => request.inputs.reduce((all, input) => all + lengthOf(input), 0));
  const usages = answer.usage && splitUsage(answer.usage, weights);
  let at = 0;
  return members.map(({ request }, index) => {
    const vectors = answer.vectors.slice(at, (at += request.inputs.length));
    return { vectors, ...(usages && { usage: usages[index] }) };
  });
}

/** Tokens of an input, or what is in proportion to them in a text: nobody reports them one by one. */
function lengthOf(input: string | readonly number[]): number {
  return typeof input === "string" ? Math.ceil(Buffer.byteLength(input) / 4) : input.length;
}

/** The upstream's own object speaks of the whole batch, so it is left out. */
function splitUsage(usage: Usage, weights: readonly number[]): Usage[] {
  const fields = ["input", "cacheRead", "cacheWrite", "output", "reasoning"] as const;
  const parts = weights.map((): { [Field in (typeof fields)[number]]?: number } => ({}));
  for (const field of fields) {
    const total = usage[field];
    if (total === undefined) continue;
    shares(total, weights).forEach((share, index) => (parts[index]![field] = share));
  }
  return parts;
}
