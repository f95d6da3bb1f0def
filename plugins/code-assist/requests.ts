/** The requests of attempts as they are sent, and the way back of their answers. */
import {
  type AccountFields,
  type Attempt,
  type Body,
  type HeaderRecord,
  ProxyError,
  type Rewriter,
  version,
  type Wire,
} from "waygate";
import type { Account } from "waygate/plugins/oauth";
import { textOf } from "./account.ts";
import { countRequest } from "./counting.ts";
import { refuseEmpty } from "./empty.ts";
import { guarded } from "./guard.ts";
import type { Mend } from "./mends.ts";
import type { CodeAssistOptions, CodeAssistService } from "./options.ts";
import { uniqueIds } from "./unique-ids.ts";
import { chained, unwrapResponses } from "./unwrap.ts";

export interface Requests {
  make(
    wire: Wire,
    attempt: Attempt<Account>,
    account: { readonly fields: AccountFields; readonly project: string },
  ): Wire;
  /** The same with another project or another body; `undefined` when there is nothing to change. */
  again(attempt: Attempt, change: { readonly project?: string; readonly mend?: Mend }): Wire | undefined;
  projectOf(attempt: Attempt): string | undefined;
  rewrite(attempt: Attempt<Account>): Rewriter;
}

/** What an attempt was made of. */
interface Made {
  readonly wire: Wire;
  readonly body: Body;
  readonly model: string;
  readonly project: string;
  readonly answers: readonly Rewriter[];
}

export function createRequests(
  service: CodeAssistService,
  { renames = {}, headers: stated = {}, proxy }: Pick<CodeAssistOptions, "renames" | "headers" | "proxy">,
): Requests {
  const made = new WeakMap<Attempt, Made>();
  const fixed = Object.fromEntries(Object.entries(stated).map(([name, value]) => [name.toLowerCase(), value]));
  const [host = ""] = service.hosts;

  const nameOf = (model: string, body: Body): string => {
    const bare = model.replace(/:thinking$/, "");
    return renames[model] ?? renames[bare] ?? service.modelFor?.(bare, body) ?? bare;
  };
  const wireOf = (attempt: Attempt<Account>, { wire, body, model, project }: Made): Wire => {
    const counts = attempt.ctx.operation === "count-tokens";
    return {
      ...wire,
      url: host + (counts ? ":countTokens" : ":streamGenerateContent?alt=sse"),
      headers: { ...wire.headers, ...service.headers(model, project, attempt), ...fixed },
      body: counts
        ? countRequest(body, service.countFields?.(model, project) ?? { model: `models/${model}` })
        : service.envelope({ body, model, project, attempt }),
    };
  };

  return {
    make(wire, attempt, { fields, project }) {
      const { operation } = attempt.ctx;
      if ((operation !== "generate" && operation !== "count-tokens") || !wire.body) throw cannot(attempt);
      const counts = operation === "count-tokens";
      const model = nameOf(attempt.model, wire.body);
      const safe = counts ? { body: wire.body, answers: [] } : guarded(service.guards ?? [], wire.body, attempt);
      const body = counts ? safe.body : (service.adapt?.(safe.body, { model, attempt }) ?? safe.body);
      const headers: HeaderRecord = {
        "user-agent": `waygate/${version}`,
        ...wire.headers,
        "content-type": "application/json",
        accept: counts ? "application/json" : "text/event-stream",
        authorization: `Bearer ${textOf(fields, "access_token") ?? ""}`,
      };
      const parts = {
        wire: { ...wire, headers, proxy: proxy ?? wire.proxy },
        body,
        model,
        project,
        answers: safe.answers,
      };
      made.set(attempt, parts);
      return wireOf(attempt, parts);
    },
    again(attempt, { project, mend }) {
      const parts = made.get(attempt);
      if (!parts) return undefined;
      const body = mend ? mend.mended(parts.body, parts.model) : parts.body;
      if (!body) return undefined;
      const next = { ...parts, body, project: project ?? parts.project };
      made.set(attempt, next);
      return wireOf(attempt as Attempt<Account>, next);
    },
    projectOf: (attempt) => made.get(attempt)?.project,
    rewrite(attempt) {
      const own = service.rewrite?.(attempt);
      const answers = made.get(attempt)?.answers ?? [];
      if (attempt.ctx.operation === "count-tokens") return unwrapResponses();
      // Whoever speaks the service's own protocol wants what it says.
      const ids = attempt.ctx.protocol.id === "gemini" ? [] : [uniqueIds(attempt)];
      return chained([unwrapResponses(), ...answers, ...(own ? [own] : []), ...ids, refuseEmpty(attempt)]);
    },
  };
}

function cannot({ ctx, provider }: Attempt): ProxyError {
  return new ProxyError({
    kind: "invalid_request",
    scope: "request",
    code: "unsupported_feature",
    param: "model",
    message: `${provider.name} answers in words only; ${ctx.operation} needs a model of another provider, as gemini's gemini-embedding-001.`,
  });
}
