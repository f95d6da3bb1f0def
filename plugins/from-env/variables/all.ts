/** Every variable of the proxies that this one follows, and its own. */
import { access, storage } from "./access.ts";
import { accounts } from "./accounts.ts";
import { google } from "./google.ts";
import { providers } from "./providers.ts";
import type { VariableGroup } from "./row.ts";
import { models, times, use } from "./use.ts";

export const variableGroups: readonly VariableGroup[] = [
  access,
  providers,
  use,
  models,
  times,
  accounts,
  google,
  storage,
];
