/** One attempt at the service: host after host, and once more where the project or the request can be put right. */
import { type Attempt, type HeaderRecord, ProxyError, type Wire } from "waygate";
import { isBare, readFailure } from "./failures.ts";
import type { Mend } from "./mends.ts";

export interface Exchange {
  /** Base addresses up to the version, in the order in which they are asked. */
  readonly hosts: readonly string[];
  /** The request of that attempt, made anew with another project or another body. */
  again(attempt: Attempt, change: { readonly project?: string; readonly mend?: Mend }): Wire | undefined;
  readonly mends: readonly Mend[];
  /** The request in another form, where a 403 may be because of its headers; asked once. */
  resend?(wire: Wire, attempt: Attempt): Wire | undefined;
  /** Another project in place of the one the account is refused for; `undefined` when there is none. */
  otherProject(attempt: Attempt): Promise<string | undefined>;
  /** Told of refusals that are handed on after they were read here, before anything in them is masked. */
  refused?(attempt: Attempt, failed: Failed): void;
  /** Whether the next host may do better. Default: after 5xx. */
  nextHost?(status: number, text: string): boolean;
}

/** Statuses whose answer is read before it is handed on. */
const looked: ReadonlySet<number> = new Set([400, 403, 404]);

/** The provider's `call`. Answers that are none are handed on as they came, for the core to read. */
export function exchangeOver(exchange: Exchange): (wire: Wire, attempt: Attempt) => Promise<Response> {
  return async (wire, attempt) => {
    let response = await overHosts(exchange, wire, attempt);
    let failed: Failed | undefined;
    let hasProject = false;
    let isResent = false;
    const used = new Set<Mend>();
    while (looked.has(response.status)) {
      failed = await readFailed(response);
      const better = await putRight(failed);
      if (!better) {
        exchange.refused?.(attempt, failed);
        return responseOf(failed);
      }
      attempt.wire = better;
      response = await overHosts(exchange, better, attempt);
    }
    return response;

    async function putRight({ status, text }: Failed): Promise<Wire | undefined> {
      if (status === 400) {
        const mend = exchange.mends.find((each) => !used.has(each) && each.refusal.test(text));
        if (!mend) return undefined;
        used.add(mend);
        return exchange.again(attempt, { mend });
      }
      if (status === 403 && !isResent) {
        isResent = true;
        const other = exchange.resend?.(attempt.wire, attempt);
        if (other) return other;
      }
      if (hasProject || !isAboutProject(status, text)) return undefined;
      hasProject = true;
      const project = await exchange.otherProject(attempt);
      return project === undefined ? undefined : exchange.again(attempt, { project });
    }
  };
}

const projectReasons = /^(?:IAM_PERMISSION_DENIED|CONSUMER_INVALID|SUBSCRIPTION_REQUIRED)$/;

/** The account is refused for its project, which may have been the wrong one. */
export function isAboutProject(status: number, text: string): boolean {
  const found = readFailure(status, text);
  if (!found?.row.needsHuman) return false;
  return status === 404 || found.error.reasons.some((reason) => projectReasons.test(reason));
}

async function overHosts(
  { hosts, nextHost = isServerError }: Exchange,
  wire: Wire,
  attempt: Attempt,
): Promise<Response> {
  const [first = "", ...rest] = hosts;
  // What is sent again may have been sent to another host than the first.
  const from = hosts.find((host) => wire.url.startsWith(host)) ?? first;
  const path = wire.url.slice(from.length);
  const others = from === first ? rest : rest.filter((host) => host !== from);
  let current = wire;
  for (const host of others) {
    let text = "";
    try {
      const response = await send(current, attempt);
      const { status } = response;
      if (status < 400) return response;
      // What cannot decide it is not waited for.
      const undecided = status === 429;
      const failed = undecided ? await readFailed(response) : undefined;
      text = failed?.text ?? "";
      if (!nextHost(status, text)) return failed ? responseOf(failed) : response;
      if (!failed) await response.body?.cancel();
    } catch (error) {
      if (attempt.signal.aborted || !ProxyError.is(error) || error.kind !== "network") throw error;
    }
    current = { ...wire, url: host + path };
    attempt.wire = current;
  }
  return send(current, attempt);
}

function isServerError(status: number): boolean {
  return status >= 500;
}

/** For services where the second host has room when the first refuses without a word. */
export function isBareLimit(status: number, text: string): boolean {
  return isBare(status, text);
}

function send(wire: Wire, { ctx, provider, signal }: Attempt): Promise<Response> {
  const { runtime, config } = ctx.app;
  const { connect, headers, whole } = { ...config.timeouts, ...provider.timeouts };
  return runtime.transport.send(wire, {
    signal,
    connectTimeout: connect,
    headersTimeout: ctx.stream ? headers : whole,
  });
}

export interface Failed {
  readonly status: number;
  readonly headers: HeaderRecord;
  readonly text: string;
}

/** Characters of a failed answer that are kept. */
const KEPT = 64 * 1024;

async function readFailed(response: Response): Promise<Failed> {
  const text = await response.text();
  return { status: response.status, headers: Object.fromEntries(response.headers), text: text.slice(0, KEPT) };
}

function responseOf({ status, headers, text }: Failed): Response {
  const { "content-length": _, "content-encoding": __, ...rest } = headers;
  return new Response(text, { status, headers: rest });
}
