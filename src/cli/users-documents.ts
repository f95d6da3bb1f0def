/** What `/api/users` and `/api/groups` answer, as far as the command reads it. Times are ISO 8601. */

export interface QuotaDocument {
  readonly family: string;
  readonly unit: "tokens" | "requests" | "cost";
  readonly period: string;
  readonly amount: number;
  readonly used: number;
  readonly resets_at: string | null;
}

export interface GroupDocument {
  readonly id: string;
  readonly name: string;
  readonly users: number;
  readonly version: number;
  readonly quotas: readonly QuotaDocument[];
}

export interface UserDocument extends Omit<GroupDocument, "users"> {
  readonly kind: string;
  readonly state: "active" | "disabled" | "expired";
  readonly group: string | null;
  readonly last_used_at: string | null;
}

export interface UserPage {
  readonly total: number;
  readonly users: readonly UserDocument[];
}
