/** Whole requests and answers in a folder each, for finding out what went wrong. Off unless listed. */
import { join, resolve } from "node:path";
import {
  type App,
  ConfigError,
  type Context,
  definePlugin,
  defineSlot,
  makeDataFolder,
  matchesGlob,
  type Plugin,
} from "waygate";
import { createDesk, type Desk } from "./desk.ts";
import { dayOf, type Keeping, startKeeping } from "./keeping.ts";
import { type Recording, startRecording } from "./recording.ts";

export interface RequestLogOptions {
  /** Default `logs/transactions` in `dataDir`. A relative one starts from the config's folder. */
  readonly folder?: string;
  /** Globs over the names clients ask for. Default: all. */
  readonly models?: readonly string[];
  /** Globs over clients' ids. Default: all, also where nobody has to say who they are. */
  readonly users?: readonly string[];
  /** Whether what goes to and comes from providers is written too. Default true. */
  readonly provider?: boolean;
  /** Bytes of one request at most; what is more is left out and counted. Default 4 MiB. */
  readonly size?: number;
  /** Bytes of all requests at most, about; the oldest go first. Default 1 GiB. */
  readonly total?: number;
  /** Days that are kept, today among them. Default 7. */
  readonly days?: number;
}

interface Running {
  readonly desk: Desk;
  keep(): void;
  stop(): void;
}

/**
 * Holds prompts and answers, so whoever turns it on should tell the users. Keys, tokens, cookies, addresses and what
 * accounts are known by are taken out before anything is written. Nothing waits for the disk: one that is slow loses
 * parts, which leave a mark, and one that is full ends the writing with a warning. Throws a `ConfigError` for options
 * that make no sense.
 */
export function requestLog(options: RequestLogOptions = {}): Plugin<readonly []> {
  const { models, users, provider = true, size = 4 * 1024 ** 2, total = 1024 ** 3, days = 7 } = options;
  for (const [name, value] of Object.entries({ size, total, days })) positive(name, value);
  const ofModel = models === undefined ? () => true : matchesGlob(models);
  const ofUser = users === undefined ? () => true : matchesGlob(users);
  const slot = defineSlot<Recording>("request-log");
  // The same plugin may be part of several proxies.
  const running = new WeakMap<App, Running>();

  const wanted = (ctx: Context): boolean => ofModel(ctx.model) && ofUser(ctx.principal?.id ?? "");
  const begin = (ctx: Context): Recording | undefined => {
    if (!wanted(ctx)) return undefined;
    const now = ctx.app.runtime.clock.now();
    const page = running.get(ctx.app)?.desk.open({ day: dayOf(now), name: nameOf(ctx, now) });
    return page && startRecording({ ctx, page, provider, body: bodyOf(ctx) });
  };

  return definePlugin({
    name: "request-log",
    setup(app) {
      const data = resolve(app.root ?? ".", app.config.dataDir);
      const folder =
        options.folder === undefined ? join(data, "logs", "transactions") : resolve(app.root ?? ".", options.folder);
      const log = app.log.withTag("request-log");
      const { clock } = app.runtime;
      let keeping: Keeping | undefined;
      const desk = createDesk({
        ...{ folder, size, clock, log },
        prepare() {
          if (options.folder === undefined) makeDataFolder(data);
        },
        onWritten: (bytes) => keeping?.add(bytes),
      });
      running.set(app, {
        desk,
        keep() {
          keeping = startKeeping({
            ...{ folder, days, total, clock },
            onTrouble: (error) => log.warn(`Old requests in ${folder} cannot be removed: ${textOf(error)}`),
          });
        },
        stop: () => keeping?.stop(),
      });
    },
    ready(app) {
      // Commands that only look remove nothing.
      running.get(app)?.keep();
      app.log.withTag("request-log").warn("Prompts and answers are written to disk. Take requestLog() out to stop it.");
    },
    async close(app) {
      const found = running.get(app);
      running.delete(app);
      found?.stop();
      await found?.desk.close();
    },
    hooks: {
      filter: {
        // Before what other filters answer by themselves.
        order: "pre",
        handler(ctx) {
          const recording = begin(ctx);
          if (!recording) return;
          ctx.set(slot, recording);
          const before = ctx.delivery?.tap;
          const { tap } = recording;
          ctx.delivery = { ...ctx.delivery, tap: before ? both(before, tap) : tap };
        },
      },
      record(outcome, ctx) {
        // Anybody can make any number of requests that are not let in.
        if (outcome.status === 401 && ctx.principal === undefined) return;
        (ctx.get(slot) ?? begin(ctx))?.end(outcome);
      },
    },
  });
}

type Tap = Recording["tap"];

function both(first: Tap, second: Tap): Tap {
  return {
    head(status, headers) {
      first.head?.(status, headers);
      second.head?.(status, headers);
    },
    data(bytes) {
      first.data(bytes);
      second.data(bytes);
    },
    upstream(attempt, status, headers) {
      const seen = [first, second].flatMap((tap) => tap.upstream?.(attempt, status, headers) ?? []);
      return seen.length === 0 ? undefined : (bytes) => seen.forEach((see) => see(bytes));
    },
  };
}

const short: { readonly [protocol: string]: string } = {
  "openai-chat": "oai",
  "openai-completions": "oai",
  "openai-responses": "res",
  anthropic: "ant",
  gemini: "gem",
};

/** `1121_142301_oai_openai_gpt-5_8kd2f0x1`: time, protocol, model and the request's id. */
function nameOf({ protocol, model, id }: Context, now: number): string {
  const date = new Date(now);
  const two = (...parts: readonly number[]): string => parts.map((part) => String(part).padStart(2, "0")).join("");
  const time = `${two(date.getMonth() + 1, date.getDate())}_${two(date.getHours(), date.getMinutes(), date.getSeconds())}`;
  const safe = (text: string): string =>
    text
      .replaceAll("/", "_")
      .replaceAll(/[^\w.-]+/g, "-")
      .slice(0, 60);
  return [time, short[protocol.id] ?? safe(protocol.id), safe(model) || "none", safe(id)].join("_");
}

/** A request that was refused for its body has none to show. */
function bodyOf(ctx: Context): string | undefined {
  try {
    return ctx.body.text;
  } catch {
    return undefined; // That is how a context says so.
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function positive(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "request-log", name],
      what: `requestLog: ${name} is ${String(value)}`,
      why: "it must be a number above 0",
      fix: "write a number, or leave it out",
      needle: name,
    },
  ]);
}
