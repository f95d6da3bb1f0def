/** Who a request is from, for everything that counts or waits by person. Filled by `users()`. */
import { defineSlot, type Slot } from "../plugin/context.ts";

export interface RequestUser {
  /** Its id; the principal's as well. */
  readonly user: string;
  /** The group whose budgets it shares. */
  readonly group?: string;
  /** Exempt from quotas, limits and queues. */
  readonly special: boolean;
}

export const userSlot: Slot<RequestUser> = defineSlot<RequestUser>("user");
