/**
 * The preset that most people want: spread the load, let what fails rest, respect limits, keep a conversation's key,
 * ask again when an answer says nothing.
 */
import type { Plugin } from "waygate";
import { concurrency, type ConcurrencyOptions } from "waygate/plugins/concurrency";
import { cooldown, type CooldownOptions } from "waygate/plugins/cooldown";
import { emptyAnswer, type EmptyAnswerOptions } from "waygate/plugins/empty-answer";
import { limits, type LimitsOptions } from "waygate/plugins/limits";
import { rotate, type RotateOptions } from "waygate/plugins/rotate";
import { sticky, type StickyOptions } from "waygate/plugins/sticky";

export interface ResilienceOptions {
  readonly rotate?: RotateOptions;
  readonly cooldown?: CooldownOptions;
  readonly concurrency?: ConcurrencyOptions;
  /** More than what keys and providers state by themselves, which holds in any case. Not beside `limits()`. */
  readonly limits?: LimitsOptions;
  /** False: an answer that says nothing is given as it is. */
  readonly emptyAnswer?: EmptyAnswerOptions | false;
  /** False: conversations may change their key with every request. */
  readonly sticky?: StickyOptions | false;
}

/** A list of plugins: put it into `plugins` as it is. */
export function resilience(options: ResilienceOptions = {}): readonly Plugin<readonly []>[] {
  return [
    options.rotate ? rotate(options.rotate) : usual(rotate()),
    options.cooldown ? cooldown(options.cooldown) : usual(cooldown()),
    options.concurrency ? concurrency(options.concurrency) : usual(concurrency()),
    options.limits ? limits(options.limits) : statedLimits(),
    ...(options.emptyAnswer === false
      ? []
      : [options.emptyAnswer ? emptyAnswer(options.emptyAnswer) : usual(emptyAnswer())]),
    ...(options.sticky === false ? [] : [options.sticky ? sticky(options.sticky) : usual(sticky())]),
  ];
}

/** One about which nothing was said steps back for the same plugin listed by itself. */
function usual(plugin: Plugin<readonly []>): Plugin<readonly []> {
  return { ...plugin, yields: true };
}

/**
 * Whoever writes `limits` at a key wants them kept, and asks for no further plugin. Steps back where `limits()` is listed,
 * which would count the same a second time.
 */
function statedLimits(): Plugin<readonly []> {
  const { setup, ...plugin } = limits();
  return {
    ...plugin,
    name: "stated-limits",
    setup(app) {
      if (!app.plugins.some(({ name }) => name === "limits")) return setup?.(app);
    },
  };
}
