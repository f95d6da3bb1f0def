/** What `users()` is made of in one proxy. */
import type { App, DatabaseChange } from "waygate";
import type { Addresses } from "./addresses.ts";
import type { Directory } from "./directory.ts";
import type { Follower } from "./follow.ts";
import type { UserEdit } from "./input.ts";
import type { QuotaInput, UserKind } from "./people.ts";
import type { Periods } from "./periods.ts";
import type { People } from "./service.ts";
import type { Spending } from "./spending.ts";
import type { PeopleStatements } from "./statements.ts";
import type { Act, PeopleStore } from "./store.ts";
import type { UseBook } from "./use-book.ts";

export interface Running {
  readonly app: App;
  readonly store: PeopleStore;
  readonly statements: PeopleStatements;
  readonly directory: Directory;
  readonly addresses: Addresses;
  readonly book: UseBook;
  readonly periods: Periods;
  readonly people: People;
  readonly follower: Follower;
  readonly spending: Spending;
  /** Milliseconds that new temporary users last. */
  readonly lifetime: number;
  /** What new users of a kind have unless something else is said. */
  defaultsOf(kind: UserKind): Partial<UserEdit>;
  quotasOf(kind: UserKind): readonly Required<QuotaInput>[];
  /** Rejects with a `ProxyError` of status 503 while the database cannot be written. */
  save(changes: readonly DatabaseChange[], act: Act): Promise<boolean>;
  forgetAddresses(user: string): Promise<void>;
}
