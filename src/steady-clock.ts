/**
 * A clock that is not set back. What rests until a time, and everything else that is compared with `now`, would last
 * longer by as much as the machine's clock is put back: an hour for a summer time done wrong, years after a lost battery.
 */
import type { Clock } from "./runtime.ts";

/** Milliseconds that the wall clock may go back without notice: time servers correct in small steps. */
const SLACK = 1000;

/**
 * Follows the wall clock forwards. Set back, it goes on from where it was until the wall clock has caught up, and tells
 * `onBack` of it once, with the milliseconds.
 */
export function steadyClock(clock: Clock, onBack: (ms: number) => void = () => {}): Clock {
  /** What the wall clock is ahead of the monotonic one. */
  let ahead = clock.now() - clock.monotonic();
  let told = false;
  return {
    now() {
      const wall = clock.now();
      const steady = clock.monotonic();
      const expected = ahead + steady;
      if (wall >= expected - SLACK) {
        ahead = wall - steady;
        told = false;
        return wall;
      }
      if (!told) {
        told = true;
        onBack(Math.round(expected - wall));
      }
      return Math.round(expected);
    },
    monotonic: () => clock.monotonic(),
    timer: (callback, ms) => clock.timer(callback, ms),
  };
}
