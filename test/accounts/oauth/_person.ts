/** A person who signs in: with a browser that follows redirects, or without one. */
import type { AccountContext, LoginPerson } from "waygate";
import { virtualClock, type VirtualClock } from "../../../src/testing/virtual-clock.ts";
import type { CodeSpec, DeviceSpec } from "waygate/plugins/oauth";
import type { OAuthServer } from "../_oauth-server.ts";

export interface TestPerson extends LoginPerson {
  readonly shown: { readonly text: string; readonly url?: string; readonly code?: string }[];
  readonly warnings: string[];
  /** Pages the browser has ended at. */
  readonly pages: { readonly status: number; readonly text: string }[];
  /** Resolves with what is shown first. */
  readonly first: Promise<{ readonly text: string; readonly url?: string; readonly code?: string }>;
}

export interface PersonInit extends Partial<LoginPerson> {
  /** False: nobody opens the address. */
  readonly browser?: boolean;
}

export function testPerson({ browser = true, ...more }: PersonInit = {}): TestPerson {
  const shown: { text: string; url?: string; code?: string }[] = [];
  const pages: { status: number; text: string }[] = [];
  const { warnings, ...context } = testContext();
  const first = Promise.withResolvers<{ text: string; url?: string; code?: string }>();
  // The test may be over before the last page is there.
  const visit = async (url: string): Promise<void> => {
    const response = await fetch(url);
    pages.push({ status: response.status, text: await response.text() });
  };
  return {
    ...context,
    warnings,
    shown,
    pages,
    first: first.promise,
    show(step) {
      shown.push(step);
      first.resolve(step);
    },
    open(url) {
      if (!browser) return;
      void visit(url).catch(() => undefined);
    },
    headless: false,
    port: 0,
    ...more,
  };
}

export function testContext(more: Partial<AccountContext> = {}): AccountContext & { readonly warnings: string[] } {
  const warnings: string[] = [];
  return {
    warnings,
    signal: new AbortController().signal,
    fetch,
    now: Date.now,
    warn: (message) => void warnings.push(message),
    ...more,
  };
}

/** A context whose pauses are over at once, and the pauses. */
export function quickContext(): AccountContext & { readonly pauses: number[]; readonly warnings: string[] } {
  const pauses: number[] = [];
  const clock: VirtualClock = virtualClock({ start: Date.now() });
  const quick = {
    ...clock,
    now: Date.now,
    timer(callback: () => void, ms: number) {
      // Limits of one answer are no pauses.
      if (ms >= 15_000) return { cancel: () => undefined };
      pauses.push(ms);
      const handle = setImmediate(callback);
      return { cancel: () => clearImmediate(handle) };
    },
  };
  return { ...testContext(), clock: quick, pauses };
}

export function codeSpec(server: OAuthServer, more: Partial<CodeSpec> = {}): CodeSpec {
  return {
    provider: "lab_accounts",
    title: "Lab",
    clientId: "client-1",
    authorizeURL: server.authorizeURL,
    tokenURL: server.tokenURL,
    scopes: ["one", "two"],
    parameters: { access_type: "offline", prompt: "consent" },
    callback: { port: 8085, paths: ["/oauth2callback"], portVariable: "LAB_OAUTH_PORT" },
    ...more,
  };
}

export function deviceSpec(server: OAuthServer, more: Partial<DeviceSpec> = {}): DeviceSpec {
  return {
    provider: "lab_accounts",
    title: "Lab",
    clientId: "client-1",
    deviceURL: server.deviceURL,
    tokenURL: server.tokenURL,
    scopes: ["one"],
    ...more,
  };
}
