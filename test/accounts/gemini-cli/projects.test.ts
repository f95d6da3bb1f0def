import { describe, expect, test } from "vitest";
import { noPermission, noSubscription, projectGone, serviceDisabled } from "../_google/failures.ts";
import type { Generated } from "../_google/google.ts";
import { says } from "../_google/replies.ts";
import { failure } from "../_google/types.ts";
import { lab, known } from "./_lab.ts";

const fresh = { "u@example.com": {} };
const loads = (it: Awaited<ReturnType<typeof lab>>): readonly unknown[] =>
  it.google.controlled.filter(({ method }) => method === "loadCodeAssist").map(({ body }) => body);

describe("the project of an account", () => {
  test("is looked for by the first request, once for all that come meanwhile, and kept in the account's file", async () => {
    await using it = await lab({ accounts: fresh });
    const replies = await Promise.all([it.ask(), it.ask(), it.ask()]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(loads(it)).toEqual([
      { metadata: { ideType: "IDE_UNSPECIFIED", platform: "PLATFORM_UNSPECIFIED", pluginType: "GEMINI" } },
    ]);
    expect((await it.fields("u@example.com"))["_proxy_metadata"]).toEqual({
      email: "u@example.com",
      project_id: "fancy-words-0a1b2",
      tier: "FREE",
      tier_full: "free-tier",
    });
    await it.ask();
    expect(loads(it)).toHaveLength(1);
  });

  test("may come as an object, with the plan that is paid for", async () => {
    await using it = await lab({ accounts: fresh });
    Object.assign(it.google.control, { mode: "object", paidTier: "g1-pro-tier" });
    await it.ask();
    expect((await it.fields("u@example.com"))["_proxy_metadata"]).toMatchObject({
      project_id: "fancy-words-0a1b2",
      tier: "PRO",
      tier_full: "g1-pro-tier",
    });
    expect(it.proxy.app.credentials.list("gemini_cli")[0]?.priority).toBe(2);
  });

  test("of a paid plan is made without naming another, which would be refused", async () => {
    await using it = await lab({ accounts: fresh, cli: { project: "my-project" } });
    Object.assign(it.google.control, { mode: "new", defaultTier: "g1-pro-tier" });
    expect((await it.ask()).status).toBe(200);
    expect(it.google.controlled.find(({ method }) => method === "onboardUser")?.body).toMatchObject({
      tierId: "g1-pro-tier",
      metadata: { duetProject: "my-project" },
    });
  });

  test("is the one that was set when Google names none", async () => {
    await using it = await lab({ accounts: fresh, cli: { project: "my-project" } });
    it.google.control.mode = "no-project";
    await it.ask();
    expect(it.google.generated[0]?.project).toBe("my-project");
  });

  test("is never somebody else's: without one the account is not asked, and the way out is told", async () => {
    await using it = await lab({ accounts: fresh });
    it.google.control.mode = "no-project";
    const { text } = await it.ask();
    expect(text).toContain("GEMINI_CLI_PROJECT_ID");
    expect([it.google.generated.length, it.rests()]).toEqual([0, ["u@example.com invalid"]]);
  });

  test("that is a number is refused before anybody is asked", async () => {
    await using it = await lab({ accounts: fresh, cli: { project: "123456789" } });
    expect((await it.ask()).text).toContain("is a number");
    expect(it.google.controlled).toHaveLength(0);
  });

  test("inside a service perimeter is the one that was set", async () => {
    await using it = await lab({ accounts: fresh, cli: { project: "my-project" } });
    it.google.control.mode = "perimeter";
    expect((await it.ask()).status).toBe(200);
    expect((await it.fields("u@example.com"))["_proxy_metadata"]).toMatchObject({
      project_id: "my-project",
      tier_full: "standard-tier",
    });
  });

  test("cannot be had by an account that has to be verified first; the address is in the log and in the account's state", async () => {
    await using it = await lab({ accounts: fresh });
    it.google.control.mode = "validation";
    const { text } = await it.ask();
    expect(text).toContain("verified in a browser");
    expect(text).not.toContain("https://accounts.google.com");
    const [rest] = it.proxy.app.credentials.rests();
    expect(rest?.rest.reason).toContain("https://accounts.google.com/signin/continue?plt=2");
    expect(it.proxy.logged.join("\n")).toContain("https://accounts.google.com/signin/continue?plt=2");
  });

  test("google 14.1 cannot be had by a plan that Google has ended for this client", async () => {
    await using it = await lab({ accounts: fresh });
    it.google.control.mode = "unsupported";
    const { text } = await it.ask();
    expect(text).toContain("UNSUPPORTED_CLIENT");
    expect(text).toContain("API key");
    expect(it.rests()).toEqual(["u@example.com invalid"]);
  });

  test("is asked for again later when the service is out of order", async () => {
    await using it = await lab({ accounts: fresh, policies: false });
    it.google.override("loadCodeAssist", () => failure(503, "UNAVAILABLE", "The service is currently unavailable."));
    expect((await it.ask()).status).toBeGreaterThanOrEqual(500);
    expect(it.rests().filter((rest) => rest.includes("invalid"))).toEqual([]);
    it.google.override("loadCodeAssist", undefined);
    expect((await it.ask()).status).toBe(200);
  });
});

const refusing =
  (project: string, answer: ReturnType<typeof noPermission>) =>
  (asked: Generated): ReturnType<typeof says> | typeof answer =>
    asked.project === project ? answer : says("Hello.");

describe("a project that is refused", () => {
  test("google 14.6 is looked for again, once, and the request goes on", async () => {
    await using it = await lab({ accounts: { "u@example.com": { _proxy_metadata: { project_id: "old" } } } });
    it.google.always(refusing("old", noPermission("old")));
    const { status } = await it.ask();
    expect([status, it.google.generated.map(({ project }) => project)]).toEqual([200, ["old", "fancy-words-0a1b2"]]);
    expect((await it.fields("u@example.com"))["_proxy_metadata"]).toMatchObject({ project_id: "fancy-words-0a1b2" });
    expect(it.rests()).toEqual([]);
  });

  test("google 14.6 is looked for once only: a second refusal ends the account's use", async () => {
    await using it = await lab({ accounts: { "u@example.com": { _proxy_metadata: { project_id: "old" } } } });
    it.google.always(({ project }) => noPermission(project));
    const { status } = await it.ask();
    expect([status, it.google.generated.length, loads(it).length]).toEqual([403, 2, 1]);
    expect(it.rests()).toEqual(["u@example.com invalid"]);
  });

  test("google 14.8 gives way to the one that was set", async () => {
    await using it = await lab({ accounts: fresh, cli: { project: "my-project" } });
    it.google.always(refusing("fancy-words-0a1b2", noPermission("fancy-words-0a1b2")));
    const { status } = await it.ask();
    expect([status, it.google.generated.map(({ project }) => project)]).toEqual([
      200,
      ["fancy-words-0a1b2", "my-project"],
    ]);
  });

  test("google 14.8 of the Cloud Shell is never used", async () => {
    await using it = await lab({ accounts: fresh, cli: { project: "my-project" } });
    it.google.control.project = "cloudshell-gca";
    await it.ask();
    expect(it.google.generated[0]?.project).toBe("my-project");
  });

  test("google 14.45 for want of a licence is looked for without the user's own, and is no rate limit", async () => {
    await using it = await lab({
      accounts: { "u@example.com": { _proxy_metadata: { project_id: "mine" } } },
      cli: { project: "mine" },
    });
    it.google.always(refusing("mine", noSubscription));
    expect((await it.ask()).status).toBe(200);
    expect(loads(it)).toEqual([{ metadata: expect.not.objectContaining({ duetProject: expect.anything() }) }]);
    it.google.always(noSubscription);
    await using other = await lab();
    other.google.always(noSubscription);
    const { status, text } = await other.ask();
    expect([status, text]).toEqual([403, expect.stringContaining("no licence")]);
    expect(other.rests()).toEqual(["u@example.com invalid"]);
  });

  test("google 14.47 because it is gone is looked for again", async () => {
    await using it = await lab({ accounts: { "u@example.com": { _proxy_metadata: { project_id: "gone" } } } });
    it.google.always(refusing("gone", projectGone("gone")));
    expect((await it.ask()).status).toBe(200);
    expect((await it.fields("u@example.com"))["_proxy_metadata"]).toMatchObject({ project_id: "fancy-words-0a1b2" });
  });

  test("google 14.7 for an API that is off is not looked for again", async () => {
    await using it = await lab({ accounts: { "u@example.com": known } });
    it.google.always(serviceDisabled);
    await it.ask();
    expect(loads(it)).toEqual([]);
  });
});
