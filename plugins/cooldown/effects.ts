/** What each kind of failure means for the key behind it. The table of `cooldown()`, as data. */
import type { DropKind, ErrorKind, RestState } from "waygate";

export interface Effect {
  /** Kinds with the same name count as one row of failures. */
  readonly streak: string;
  readonly state: RestState;
  readonly drop: DropKind;
  /** What rests when the error does not say. */
  readonly scope: "model" | "credential" | "provider";
  /**
   * Milliseconds of rest after the first failure, the second in a row and so on; the last one stays. 0 = no rest yet,
   * `Infinity` = until a probe succeeds or a human acts.
   */
  readonly steps: readonly number[];
  /** The state of a rest without end, when it is another one. */
  readonly finalState?: RestState;
  /** Milliseconds from now up to which a time is believed. Default 7 days. */
  readonly most?: number;
  /** Keys that fail together should not return together. */
  readonly jitter?: boolean;
  /** When the time is over one request at a time tries; not after a time that the upstream has named. */
  readonly probe?: boolean;
  /** A new token may help. */
  readonly refresh?: boolean;
  /** Several models failing like this for long say that the key is at fault. */
  readonly blamesCredential?: boolean;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const DAY = 24 * 60 * MINUTE;

export const WEEK: number = 7 * DAY;

const ladder = {
  streak: "ladder",
  state: "cooling",
  scope: "model",
  steps: [10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE],
  jitter: true,
} as const;

/** The upstream's own trouble: never lasting, because it does not depend on the key. */
const transient: Effect = {
  streak: "transient",
  state: "cooling",
  drop: "failing",
  scope: "model",
  steps: [0, 10 * SECOND, 20 * SECOND],
  most: 20 * SECOND,
  jitter: true,
};

/** Kinds that are not here are the request's or the client's own and blame nobody. */
export const effects: { readonly [Kind in ErrorKind]?: Effect } = {
  rate_limited: { ...ladder, drop: "rate_limited" },
  unknown: { ...ladder, drop: "failing", blamesCredential: true },
  quota_exhausted: {
    streak: "quota",
    state: "exhausted",
    drop: "quota_exhausted",
    scope: "model",
    steps: [5 * MINUTE],
    // What upstreams name ends with the week; a provider that knows the calendar of its quotas may mean the next month.
    most: 31 * DAY,
    probe: true,
  },
  overloaded: transient,
  upstream: transient,
  timeout: transient,
  network: transient,
  credential_invalid: {
    streak: "refused",
    state: "cooling",
    drop: "dead",
    scope: "credential",
    steps: [5 * MINUTE, Number.POSITIVE_INFINITY],
    finalState: "invalid",
    probe: true,
    refresh: true,
  },
  no_credit: {
    streak: "credit",
    state: "no-credit",
    drop: "dead",
    scope: "credential",
    steps: [Number.POSITIVE_INFINITY],
  },
  banned: { streak: "banned", state: "banned", drop: "dead", scope: "credential", steps: [Number.POSITIVE_INFINITY] },
  model_unavailable: {
    streak: "missing",
    state: "cooling",
    drop: "failing",
    scope: "model",
    steps: [60 * MINUTE],
  },
};
