/** Everything a config, a plugin or an embedder needs. */
export { ProxyError, withError } from "./failure/error.ts";
export type { ErrorKind, ErrorScope, OwnRuling, OwnVerdict, ProxyErrorInit, UpstreamFailure } from "./failure/error.ts";

export type { ErrorRule, ResolvedErrorRule } from "./failure/own-rules.ts";
export { classify } from "./failure/classify.ts";
export { readErrorBody } from "./failure/error-body.ts";
export { retryTime } from "./failure/retry-time.ts";
export type { RetryTime } from "./failure/retry-time.ts";

export { envFileNames } from "./load/env-file.ts";
export { maskKnown, secretsIn } from "./failure/known-secrets.ts";
export { maskSecrets, redactUrl } from "./failure/mask.ts";

export { defineConfig } from "./config/define.ts";
export type {
  AnyConfig,
  Config,
  CorsConfig,
  LogConfig,
  ModelRef,
  PluginInput,
  ResolvedConfig,
  RetryConfig,
  ServerConfig,
} from "./config/types.ts";

export { ConfigError } from "./config/problem.ts";
export type { ConfigProblem } from "./config/problem.ts";
export { nearest } from "./config/nearest.ts";
export { version } from "./version.ts";

export {
  anonymousCredential,
  apiKeyCredential,
  checkKey,
  defineCredential,
  environmentPrefix,
  normalizeId,
  readKeys,
  splitKeys,
} from "./candidates/keys.ts";
export type { ApiKey, KeyInput } from "./candidates/keys.ts";
export { keyFile, keySource, watchKeyFiles } from "./candidates/key-files.ts";
export type { KeyFile, KeyFileWatch, KeySource } from "./candidates/key-files.ts";
export { dailyReset, dayOf, endOfDay } from "./candidates/daily-reset.ts";
export type { DailyReset } from "./candidates/daily-reset.ts";
export { providerNamed } from "./candidates/provider-names.ts";
export { estimateCost } from "./catalog/cost.ts";
export { countTokens } from "./catalog/tokens.ts";
export { loadCatalog } from "./catalog/load.ts";
export type { Catalog } from "./catalog/catalog.ts";
export type { Capabilities, Match, ModelInfo, Prices, PriceTier } from "./catalog/model-info.ts";
export { matchesGlob } from "./glob.ts";
export { baseUrl } from "./wire/base-url.ts";
export type { BaseUrlOptions } from "./wire/base-url.ts";
export { jsonBody, textBody } from "./wire/body.ts";
export type { Body } from "./wire/body.ts";
export { readField, withEachField, withField, withoutField, withRenamedField } from "./wire/json-text.ts";
export { encodeFrame } from "./wire/sse.ts";
export type { Sse } from "./wire/sse.ts";

export { definePlugin, defineProvider } from "./plugin/define.ts";
export type { App, Caller, Command, ExpandHost, Plugin, PluginSettings } from "./plugin/app.ts";
export type { AnswerTap, Continuation, Delivery, Hedge, Queueing } from "./plugin/delivery.ts";
export { defineSlot } from "./plugin/context.ts";
export type {
  Attempt,
  Candidate,
  Context,
  Decision,
  DropKind,
  Outcome,
  Principal,
  Slot,
  Target,
} from "./plugin/context.ts";
export type {
  Favoured,
  Hook,
  HookObject,
  Hooks,
  PluginHooks,
  Precedence,
  Selection,
  Sought,
  Verdict,
} from "./plugin/hooks.ts";
export type {
  Classification,
  Credential,
  ErrorBody,
  FailureSignal,
  HeaderRecord,
  Limits,
  MaybePromise,
  Provider,
  Rewriter,
  StreamedBody,
  Timeouts,
  Wire,
} from "./plugin/provider.ts";

export type { Credentials, Probed, ProbeOptions, Rest, RestState, RestTarget } from "./candidates/credentials.ts";
export type { AttemptEnd, Gate, Grant, Refused } from "./candidates/gates.ts";
export type { HoldScope } from "./candidates/holds.ts";
export type { FallbackPolicy, ModelEntry, Models } from "./candidates/models.ts";

export type {
  Finish,
  GenerateRequest,
  Json,
  JsonObject,
  Message,
  Meta,
  Part,
  Seal,
  StreamEvent,
  Tool,
  ToolChoice,
  Usage,
} from "./protocols/canonical.ts";
export { loseAllForeign } from "./protocols/meta.ts";
export { withPairedCalls } from "./protocols/paired-calls.ts";
export { budgetFor, effortFor } from "./protocols/reasoning.ts";
export { unsupported } from "./protocols/unsupported.ts";
export { hasNeeds, withoutForm } from "./protocols/meta.ts";
export type {
  CountCodec,
  Decoder,
  EmbedAnswer,
  EmbedCodec,
  EmbedRequest,
  Emit,
  Encoder,
  EncoderInit,
  InBandError,
  Inspection,
  Loss,
  Operation,
  Probe,
  ProbeInit,
  Protocol,
  RenderedError,
  RetargetOptions,
} from "./protocols/types.ts";

export { accountStore } from "./accounts/store.ts";
export type { AccountStore, AccountStoreOptions } from "./accounts/store.ts";
export type { AccountsFound } from "./accounts/environment.ts";
export { accountId, emailOf, expiryOf, fieldAt, identityOf, maskEmail, withFieldAt } from "./accounts/fields.ts";
export type { EnvExport } from "./accounts/export.ts";
export type { FoundFile } from "./accounts/discover.ts";
export type { ImportedAccount, ImportOptions } from "./accounts/import.ts";
export type { SavedAccount, SaveOptions } from "./accounts/save.ts";
export type { UpdateOptions } from "./accounts/update.ts";
export { createProxy } from "./proxy.ts";
export type { Proxy, ProxyOptions } from "./proxy-options.ts";
export type { RequestSink } from "./pipeline/pipeline.ts";
export { toNodeHandler } from "./node.ts";
export type { NodeHandler } from "./node.ts";
export { serve } from "./serve.ts";
export type { ServeOptions, Serving } from "./serve.ts";

export { checkTakes, soundAmount } from "./state/check-takes.ts";
export { memoryState } from "./state/memory.ts";
export type {
  Counter,
  Full,
  Reservation,
  StateDriver,
  StateHealth,
  StateHost,
  StateStore,
  Take,
} from "./state/store.ts";
export { compiled, prepared } from "./database/query.ts";
export type { Query, Statement } from "./database/query.ts";
export type { QueryBuilder } from "./database/query-builder.ts";
export type { Snapshot, SnapshotRow, SnapshotSection } from "./database/snapshot.ts";
export type { Tables as DatabaseTables } from "./database/tables.ts";
export type { Contributor, Database, DatabaseDriver, DatabaseEngine, DatabaseTrouble } from "./database/types.ts";
export type { Fault, FaultKind } from "./database/fault.ts";
export type {
  Answer as DatabaseAnswer,
  Ask as DatabaseAsk,
  Change as DatabaseChange,
  SqlRow,
  SqlValue,
  Write as DatabaseWrite,
} from "./database/messages.ts";
export { migrationsOf as databaseMigrations } from "./database/migrations/index.ts";
export type { Dialect } from "./database/migrations/index.ts";
export { makeDataFolder } from "./database/folder.ts";
export { settingObject, settingTexts } from "./overlay/read-value.ts";
export type { Overlay, Setting, SettingItem } from "./overlay/types.ts";
export { addressHasher } from "./people/instance-secret.ts";
export { presentedKeys } from "./people/presented-keys.ts";
export { createTries } from "./server/tries.ts";
export type { Tries, TriesInit } from "./server/tries.ts";
export { routeCaller } from "./server/plugin-routes.ts";
export type { RouteCaller } from "./server/plugin-routes.ts";
export { userSlot } from "./people/user-slot.ts";
export type { RequestUser } from "./people/user-slot.ts";

export type {
  AccountContext,
  AccountFacts,
  AccountFields,
  AccountKind,
  AccountOrigin,
  AccountVariable,
  BrokenAccount,
  LoginPerson,
  StoredAccount,
} from "./accounts/types.ts";

export { systemClock } from "./runtime.ts";
export { fetchThrough } from "./transport/fetch.ts";
export type { FetchThroughOptions } from "./transport/fetch.ts";
export type { Clock, Runtime, SendOptions, Span, Timer, Tracer, Transport } from "./runtime.ts";
