import { describe, expect, test } from "vitest";
import {
  bareLimit,
  inList,
  limitedInWords,
  noCapacity,
  noSuchModel,
  quotaExhausted,
  rateLimited,
  serviceDisabled,
  termsViolated,
  unsupportedClient,
  validationRequired,
  wrongPlace,
} from "../_google/failures.ts";
import { says } from "../_google/replies.ts";
import { failure, json } from "../_google/types.ts";
import { known, lab } from "./_lab.ts";

const two = { "a@example.com": known, "b@example.com": known };
const model = "gemini-2.5-pro";

/** How long the model rests for that account, in seconds. */
function restOf(
  it: Awaited<ReturnType<typeof lab>>,
  name = model,
): { readonly state: string; readonly seconds: number; readonly reason: string } | undefined {
  const found = it.proxy.app.credentials
    .rests()
    .find(({ target }) => target.model === undefined || target.model === name);
  return (
    found && {
      state: found.rest.state,
      reason: found.rest.reason,
      seconds: Math.round((found.rest.until - Date.now()) / 1000),
    }
  );
}

describe("limits", () => {
  test("a used up quota rests for the whole group of models until the time that is named, and another account answers", async () => {
    await using it = await lab({ accounts: two });
    it.google.reply(quotaExhausted(7200, model));
    const { status } = await it.ask();
    expect(status).toBe(200);
    expect(new Set(it.google.generated.map(({ email }) => email)).size).toBe(2);
    expect(restOf(it)).toMatchObject({ state: "exhausted", seconds: 7200 });
    const resting = it.google.generated[0]!.email;
    // Of the same group, and of another one.
    await it.ask({ model: "gemini_cli/gemini-3-pro-preview" });
    expect(it.google.generated.at(-1)?.email).not.toBe(resting);
    const { credentials, providers } = it.proxy.app;
    const provider = providers.find(({ name }) => name === "gemini_cli")!;
    const credential = credentials.list("gemini_cli").find(({ label }) => label === resting)!;
    expect(credentials.resting({ provider, credential, model: "gemini-2.5-flash" })).toBeUndefined();
  });

  test("google 14.32 a wait of less than a second is none of minutes", async () => {
    await using it = await lab();
    it.google.reply(rateLimited("539.477544ms", model));
    const { status } = await it.ask();
    expect([status, it.google.generated.length]).toEqual([200, 2]);
    expect(restOf(it)?.seconds ?? 0).toBeLessThan(2);
  });

  test("google 14.10 a reset after no time at all is one second away", async () => {
    await using it = await lab();
    const asked = Date.now();
    it.google.reply(limitedInWords("You have exhausted your capacity on this model. Your quota will reset after 0s."));
    const { status } = await it.ask();
    expect(status).toBe(200);
    expect(Date.now() - asked).toBeGreaterThan(900);
  });

  test("google 14.33 the newer wording of an account's quota is read with its time", async () => {
    await using it = await lab();
    const message = "Individual quota reached. Please enable overages to continue. Resets in 71h15m27s.";
    it.google.reply(failure(429, "RESOURCE_EXHAUSTED", message));
    const { status } = await it.ask();
    expect(status).toBe(429);
    expect(restOf(it)).toMatchObject({ state: "exhausted", seconds: 71 * 3600 + 15 * 60 + 27 });
  });

  test("a rate limit of five minutes and more is a quota that is used up, a shorter one is not", async () => {
    await using it = await lab({ accounts: two });
    it.google.reply(rateLimited("301s", model));
    await it.ask();
    expect(restOf(it)?.state).toBe("exhausted");
    await using other = await lab({ accounts: two });
    other.google.reply(rateLimited("40s", model));
    await other.ask();
    expect(restOf(other)).toMatchObject({ state: "cooling", seconds: 40 });
  });

  test("a rate limit without a time rests for a minute", async () => {
    await using it = await lab({ accounts: two });
    it.google.reply(limitedInWords("Too fast."));
    await it.ask();
    expect(restOf(it)).toMatchObject({ state: "cooling", seconds: 60 });
  });

  test("an error in a list is read like one that stands alone", async () => {
    await using it = await lab({ accounts: two });
    it.google.reply(inList(quotaExhausted(900, model)));
    await it.ask();
    expect(restOf(it)).toMatchObject({ state: "exhausted", seconds: 900 });
  });

  test("google 14.9 a server without room is waited for, and no account rests for it", async () => {
    await using it = await lab({ accounts: two });
    it.google.reply(noCapacity(model, 503));
    const { status } = await it.ask();
    expect([status, it.google.generated.length, it.rests()]).toEqual([200, 2, []]);
    expect(new Set(it.google.generated.map(({ email }) => email)).size).toBe(1);
    it.google.reply(noCapacity(model, 429));
    expect([(await it.ask()).status, it.rests()]).toEqual([200, []]);
  });

  test("google 14.16 14.44 a 429 that says nothing lets no account rest for long: one other is asked, then it is told", async () => {
    await using it = await lab({ accounts: { ...two, "c@example.com": known } });
    it.google.reply(bareLimit, bareLimit, says("never asked for"));
    const { status, json: body } = await it.ask();
    expect([status, body.error.message]).toEqual([429, expect.stringContaining("Resource has been exhausted")]);
    expect(new Set(it.google.generated.map(({ email }) => email)).size).toBe(2);
    expect(it.google.generated).toHaveLength(2);
    expect(restOf(it)).toMatchObject({ state: "cooling", seconds: 3 });
  });

  test("a model that an account does not have is looked for at one other", async () => {
    await using it = await lab({ accounts: { ...two, "c@example.com": known } });
    it.google.always(noSuchModel);
    const { status } = await it.ask();
    expect([status, it.google.generated.length]).toEqual([404, 2]);
  });

  test("models named for that case take the place of one whose quota is used up", async () => {
    await using it = await lab({ cli: { fallbacks: { [model]: ["gemini-2.5-flash"] } } });
    it.google.reply(quotaExhausted(7200, model));
    const { status } = await it.ask();
    expect([status, it.google.generated.map((each) => each.model)]).toEqual([200, [model, "gemini-2.5-flash"]]);
  });

  test("without such models a used up quota is told, with its time", async () => {
    await using it = await lab();
    it.google.reply(quotaExhausted(7200, model));
    const { status, headers, json: body } = await it.ask();
    expect([status, body.error.code]).toEqual([429, "quota_exceeded"]);
    expect(Number(headers.get("retry-after"))).toBeGreaterThan(7000);
  });
});

describe("accounts that cannot be used", () => {
  test("google 14.1 a client that Google has stopped to serve is not asked for again, and the way out is told", async () => {
    await using it = await lab();
    it.google.always(unsupportedClient);
    const { status, text } = await it.ask();
    expect([status, text]).toEqual([403, expect.stringContaining("API key")]);
    expect(it.rests()).toEqual(["u@example.com invalid"]);
    expect((await it.ask()).status).toBe(503);
    expect(it.google.generated).toHaveLength(1);
  });

  test("google 14.2 a violation of the terms is final, with the appeal's address, and no other account is asked", async () => {
    await using it = await lab({ accounts: two });
    it.google.always(termsViolated);
    const { status, json: body } = await it.ask();
    expect([status, body.error.code]).toEqual([503, "all_credentials_exhausted"]);
    expect(it.google.generated).toHaveLength(1);
    expect(it.rests()).toEqual([`${it.google.generated[0]?.email} banned`]);
    expect(restOf(it)?.reason).toContain("https://forms.example.com/appeal");
    expect(it.proxy.logged.join("\n")).toContain("https://forms.example.com/appeal");
  });

  test("an account that has to be verified rests with the address, and another answers", async () => {
    await using it = await lab({ accounts: two });
    it.google.reply(validationRequired);
    const { status } = await it.ask();
    expect(status).toBe(200);
    expect(restOf(it)).toMatchObject({
      state: "invalid",
      reason: expect.stringContaining("https://accounts.google.com/signin/continue?plt=1"),
    });
  });

  test("google 14.7 an API that is switched off is told, and the operator gets the address that switches it on", async () => {
    await using it = await lab();
    it.google.always(serviceDisabled);
    const { status, text } = await it.ask();
    expect([status, text]).toEqual([403, expect.stringContaining("switched off in the account's project")]);
    // Addresses of the account are the operator's business.
    const address = "https://console.developers.google.com/apis/api/cloudaicompanion.googleapis.com/overview?project=x";
    expect(text).not.toContain(address);
    expect(restOf(it)?.reason).toContain(address);
    expect(it.rests()).toEqual(["u@example.com invalid"]);
  });

  test("a token that is refused is renewed once, and the request goes on with the new one", async () => {
    await using it = await lab();
    const before = (await it.fields("u@example.com"))["access_token"];
    it.google.oauth.sessions.delete(String(before));
    const { status } = await it.ask();
    expect([status, it.google.oauth.grants]).toEqual([200, ["refresh_token"]]);
    expect((await it.fields("u@example.com"))["access_token"]).not.toBe(before);
  });

  test("google 14.13 a refresh token of another client says so, and what helps", async () => {
    await using it = await lab({
      accounts: { "u@example.com": { ...known, client_id: "other.apps.googleusercontent.com", expiry_date: 0 } },
    });
    const { status, text } = await it.ask();
    expect([status, text]).toEqual([503, expect.any(String)]);
    expect(it.proxy.logged.join("\n")).toContain("proxy login gemini_cli");
    expect(it.google.generated).toHaveLength(0);
  });
});

test("google 14.48 a region that is not served is the same for every account", async () => {
  await using it = await lab({ accounts: two });
  it.google.always(wrongPlace);
  const { text } = await it.ask();
  expect(text).toContain("User location is not supported");
  expect(it.google.generated).toHaveLength(1);
});

test("a request at fault is told as it is and tried nowhere else", async () => {
  await using it = await lab({ accounts: two });
  it.google.always(
    json(400, { error: { code: 400, status: "INVALID_ARGUMENT", message: "Invalid value at 'request.contents[0]'" } }),
  );
  const { status } = await it.ask();
  expect([status, it.google.generated.length, it.rests()]).toEqual([400, 1, []]);
});
