/** What a plugin is made from that variables ask for. */
import type { Plugin } from "waygate";
import type { FindProvider } from "./names.ts";
import type { Reader } from "./reader.ts";

/** A plugin and the variables that have asked for it. */
export interface Policy {
  readonly plugin: Plugin;
  readonly variables: readonly string[];
}

export interface PolicyInit {
  readonly reader: Reader;
  readonly find: FindProvider;
  /** Providers whose keys are those of the environment: they get what other proxies of this dialect do by themselves. */
  readonly own: readonly string[];
  /** Users are to be told apart, and the config lists nobody who does. */
  readonly hasUsers: boolean;
  /** Every provider there is, whoever has listed it. */
  readonly all: readonly {
    readonly name: string;
    groupOf?(model: string): string | undefined;
    readonly models: readonly string[];
  }[];
}
