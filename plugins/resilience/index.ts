/** The preset that most people want: spread the load, let what fails rest, respect limits, keep a conversation's key. */
import type { Plugin } from "waygate";
import { concurrency, type ConcurrencyOptions } from "waygate/plugins/concurrency";
import { cooldown, type CooldownOptions } from "waygate/plugins/cooldown";
import { rotate, type RotateOptions } from "waygate/plugins/rotate";
import { sticky, type StickyOptions } from "waygate/plugins/sticky";

export interface ResilienceOptions {
  readonly rotate?: RotateOptions;
  readonly cooldown?: CooldownOptions;
  readonly concurrency?: ConcurrencyOptions;
  /** False: conversations may change their key with every request. */
  readonly sticky?: StickyOptions | false;
}

/** A list of plugins: put it into `plugins` as it is. */
export function resilience(options: ResilienceOptions = {}): readonly Plugin<readonly []>[] {
  return [
    rotate(options.rotate),
    cooldown(options.cooldown),
    concurrency(options.concurrency),
    ...(options.sticky === false ? [] : [sticky(options.sticky)]),
  ];
}
