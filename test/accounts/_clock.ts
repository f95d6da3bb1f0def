/** The machine's clock, which a test may put forward: hours pass at once, and timers and sockets do not notice. */
import { type Clock, systemClock } from "waygate";

export interface ForwardClock extends Clock {
  /** Milliseconds. */
  forward(ms: number): void;
}

export function forwardClock(): ForwardClock {
  const clock = systemClock();
  let ahead = 0;
  return {
    ...clock,
    now: () => clock.now() + ahead,
    forward: (ms) => void (ahead += ms),
  };
}
