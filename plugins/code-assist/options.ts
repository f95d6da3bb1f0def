/** What is said about a provider behind Code Assist, by its own plugin and by its users. */
import type {
  AccountKind,
  Attempt,
  Body,
  Credential,
  HeaderRecord,
  JsonObject,
  Limits,
  ProxyError,
  Rewriter,
  Timeouts,
  Verdict,
  Wire,
} from "waygate";
import type { Account, AccountHolderOptions, AccountOptions } from "waygate/plugins/oauth";
import type { Ask } from "./ask.ts";
import type { CodeAssistFailure } from "./failures.ts";
import type { GuardMaker } from "./guard.ts";
import type { Mend } from "./mends.ts";
import type { ControlPlane } from "./project.ts";
import type { QuotaReading } from "./quota.ts";
import type { VerdictOptions } from "./verdicts.ts";

/** Globs over model names, by the name of the group. The first group that fits counts. */
export interface ModelGroups {
  readonly [group: string]: readonly string[];
}

/** What users may state of every provider of this kind. */
export interface CodeAssistOptions<Name extends string = string, Model extends string = string>
  extends AccountOptions, Pick<AccountHolderOptions, "concurrency"> {
  /** The part before the slash in a model's name. */
  readonly name?: Name;
  /** Models listed besides those known; the list limits nothing. */
  readonly models?: readonly Model[];
  /** False: the service is not asked which models it counts. Default true. */
  readonly discover?: boolean;
  /** 1 is best; see `tiers()`. */
  readonly tier?: number;
  /** More headers for every request; they win. */
  readonly headers?: { readonly [name: string]: string };
  readonly limits?: Limits;
  /** Milliseconds; 0 = off. */
  readonly timeouts?: Partial<Timeouts>;
  /** URL of an outbound HTTP proxy for everything that concerns these accounts. */
  readonly proxy?: string;
  /** Models that share one quota. `false`: none do. */
  readonly quotaGroups?: ModelGroups | false;
  /** Milliseconds between two looks at what is left to accounts in use. 0 = never. Default 300 s. */
  readonly quotaInterval?: number;
  /** Models to be asked in place of one that nobody can be asked for, by its name. Default: none. */
  readonly fallbacks?: { readonly [model: string]: readonly string[] };
  /** How long is waited before the same is asked again. */
  readonly waits?: VerdictOptions;
  /** The service's name of a model, by the client's. */
  readonly renames?: { readonly [model: string]: string };
}

/** What one request is made of. */
export interface RequestParts {
  /** The request of the Gemini protocol. */
  readonly body: Body;
  /** The service's name of the model. */
  readonly model: string;
  readonly project: string;
  readonly attempt: Attempt<Account>;
}

/** What the plugin of a provider states besides. */
export interface CodeAssistService {
  readonly kind: AccountKind;
  readonly models: readonly string[];
  /** Base addresses up to the version, in the order in which they are asked. */
  readonly hosts: readonly string[];
  readonly nextHost?: (status: number, text: string) => boolean;
  readonly plane: ControlPlane;
  /** The project users have set for all accounts. */
  readonly project: () => string | undefined;
  /** The envelope of a request for an answer. */
  envelope(parts: RequestParts): Body;
  /** Headers besides the token's; lower-case names. */
  headers(model: string, project: string, attempt: Attempt<Account>): HeaderRecord;
  /** The service's name of a model, which may depend on what is asked. Default: the client's. */
  modelFor?(model: string, body: Body): string;
  /** The request of the Gemini protocol as the service wants it; after the guards, before the envelope. */
  adapt?(body: Body, parts: { readonly model: string; readonly attempt: Attempt<Account> }): Body;
  readonly guards?: readonly GuardMaker[];
  /** Sees answers without their envelope, after the guards. */
  rewrite?(attempt: Attempt<Account>): Rewriter;
  /** Before the service's usual failures. */
  readonly failures?: readonly CodeAssistFailure[];
  readonly mends?: readonly Mend[];
  readonly waits?: VerdictOptions;
  /** Before the usual verdicts; not asked once something has been sent to the client. */
  fail?(error: ProxyError, attempt: Attempt): Verdict | undefined;
  /** The request in another form, where a 403 may be because of its headers; asked once. */
  resend?(wire: Wire, attempt: Attempt): Wire | undefined;
  /** Which models an account has, where the service lists them; these are listed in place of the known ones. */
  readonly list?: (ask: Ask, account: { readonly project: string }) => Promise<readonly string[]>;
  /** How much is left; also tells which models there are. */
  readonly quota?: (
    ask: Ask,
    account: { readonly project: string; readonly credential?: Credential },
  ) => Promise<readonly QuotaReading[]>;
  readonly groups: ModelGroups;
  /** Fields of a request for a count, besides its contents. */
  countFields?(model: string, project: string): JsonObject;
}
