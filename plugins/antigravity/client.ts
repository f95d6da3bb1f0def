/** What the service asks of its clients: addresses, headers, and how accounts are taken on. */
import type { HeaderRecord, JsonObject } from "waygate";
import type { ControlPlane } from "waygate/plugins/code-assist";
import type { AntigravityOptions } from "./options.ts";

/** The daily one is what the service's own client uses, and the only one that tells true quotas. */
const daily = "https://daily-cloudcode-pa.googleapis.com/v1internal";
const production = "https://cloudcode-pa.googleapis.com/v1internal";

/** Models of August 2026 need 2.9 or later. */
const latest = "2.9.1";

export interface Places {
  readonly hosts: readonly string[];
  /** For signing up. */
  readonly control: readonly string[];
  /** For quotas. */
  readonly quota: readonly string[];
}

export function placesOf({ baseURL, controlURL }: AntigravityOptions): Places {
  const hosts = listOf(baseURL) ?? [daily, production];
  const control = listOf(controlURL) ?? hosts;
  return { hosts, control, quota: control.slice(0, 1) };
}

function listOf(urls: string | readonly string[] | undefined): readonly string[] | undefined {
  if (urls === undefined) return undefined;
  return (typeof urls === "string" ? [urls] : urls).map((url) => url.replace(/\/+$/, ""));
}

export function versionOf({ version }: AntigravityOptions): string {
  return version ?? (process.env["ANTIGRAVITY_VERSION"] || latest);
}

const metadata = { ideType: "IDE_UNSPECIFIED", platform: "PLATFORM_UNSPECIFIED", pluginType: "GEMINI" };

/** Of every call; models of generation 3 were refused without them. */
const usual: HeaderRecord = {
  "x-goog-api-client": "google-cloud-sdk vscode_cloudshelleditor/0.1",
  "client-metadata": JSON.stringify(metadata),
};

const systems: { readonly [platform: string]: string } = { win32: "windows" };
const machines: { readonly [arch: string]: string } = { x64: "amd64", ia32: "386" };

export function requestHeaders(options: AntigravityOptions): HeaderRecord {
  const { platform, arch } = process;
  const made = `antigravity/${versionOf(options)} ${systems[platform] ?? platform}/${machines[arch] ?? arch}`;
  return { ...usual, "user-agent": options.userAgent ?? (process.env["ANTIGRAVITY_USER_AGENT"] || made) };
}

export function controlPlane(options: AntigravityOptions, { control }: Places): ControlPlane {
  return {
    // Plans are told by production, and accounts are taken on by daily.
    hosts: control.toReversed(),
    onboardHosts: control,
    metadata: { ideType: "ANTIGRAVITY" },
    // The plan that is paid for is told to Google's own library only.
    headers: { ...usual, "user-agent": "google-api-nodejs-client/9.15.1" },
    projectVariable: "ANTIGRAVITY_PROJECT_ID",
    pause: options.onboardPause ?? 2000,
    looks: 30,
    onboarding: (tier): JsonObject => ({
      tier_id: tier,
      metadata: { ide_type: "ANTIGRAVITY", ide_version: versionOf(options), ide_name: "antigravity" },
    }),
  };
}
