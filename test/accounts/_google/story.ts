/** What an official client does with accounts of Google, from the login to the reset of a quota. */
import { expect } from "vitest";
import { signInAtTerminal } from "../_sign-in.ts";
import type { Client } from "../_talks.ts";
import type { ForwardClock } from "../_clock.ts";
import { conversation, further, greeting, late, thought } from "./conversation.ts";
import { quotaExhausted } from "./failures.ts";
import type { GoogleLab, GooglePlace } from "./lab.ts";
import { callingThought } from "./replies.ts";
import { familyOf } from "./validate.ts";
import { type Fields, isFields, listOf } from "./types.ts";

export interface Scene {
  readonly it: GoogleLab;
  readonly clock: ForwardClock;
  readonly client: Client;
  /** With the provider's name in front. */
  readonly model: string;
}

const weather = (args: unknown): string => `${(args as { readonly city: string }).city}: 21 degrees`;
const calls = (...cities: readonly string[]): unknown =>
  cities.map((city) => ({ name: "get_weather", args: { city } }));

/** Two accounts sign in by the command, one with a callback and one with a pasted address. */
export async function twoSignIn(place: GooglePlace): Promise<void> {
  const { google } = place;
  google.always(conversation(google));
  google.control.mode = "new";
  google.oauth.user = { email: "first@example.com" };
  expect(await signInAtTerminal(place)).toContain("first@example.com  added");
  google.oauth.user = { email: "second@example.com" };
  expect(await signInAtTerminal(place, { paste: true })).toContain("second@example.com  added");
  expect(google.oauth.grants).toEqual(["authorization_code", "authorization_code"]);
}

export async function listsModels({ it, client, model }: Scene, names: readonly string[]): Promise<void> {
  const listed = await client.talk(it.proxy.url, model).models();
  expect(listed).toEqual(expect.arrayContaining([...names]));
  expect(listed.every((name) => name.startsWith(`${it.kind.provider}/`))).toBe(true);
}

/** Streamed and whole, with the thoughts. */
export async function chats({ it, client, model }: Scene): Promise<void> {
  const talk = client.talk(it.proxy.url, model);
  for (const whole of [false, true]) {
    expect(await talk.say("hello", { whole })).toEqual({ thoughts: thought, text: greeting, calls: [] });
  }
}

/** Four turns, of which the second takes two steps; the service checks every signature that comes back. */
export async function callsTools(scene: Scene): Promise<void> {
  const { it, client, model } = scene;
  const talk = client.talk(it.proxy.url, model, { tools: true });
  const thoughts = callingThought;
  const told = { thoughts: "Now I know.", calls: [] };
  expect(await talk.say("How is the weather?")).toEqual({ thoughts, text: "", calls: calls("Köln", "Oslo") });
  expectSigned(scene, 0);
  expect(await talk.give(weather)).toEqual({ ...told, text: "The tools say: Köln: 21 degrees, Oslo: 21 degrees" });
  expectSigned(scene, 1);
  expect(await talk.say(`And tomorrow, ${further}?`, { whole: true })).toMatchObject({ calls: calls("Köln", "Oslo") });
  expect(await talk.give(weather)).toEqual({ thoughts, text: "", calls: calls("Bergen") });
  expectSigned(scene, 1);
  expect(await talk.give(weather, { whole: true })).toEqual({ ...told, text: "The tools say: Bergen: 21 degrees" });
  expectSigned(scene, 2);
  for (let turn = 0; turn < 2; turn++) {
    expect(await talk.say(`Once more, ${late}`)).toMatchObject({ calls: calls("Köln", "Oslo") });
    expect(await talk.give(weather)).toMatchObject({
      calls: [],
      text: expect.stringContaining("Köln: 21 degrees, Oslo"),
    });
  }
  // Nothing had to be put right behind the client's back.
  expect(it.google.refused).toEqual([]);
  expect(it.proxy.records.every(({ ctx }) => ctx.attempts.length === 1)).toBe(true);
}

/** Every step since the user's latest words came back with the signature it was given. */
function expectSigned({ it, model }: Scene, steps: number): void {
  const family = familyOf(model);
  const contents = listOf(it.google.generated.at(-1)!.request["contents"]).filter(isFields);
  const partsOf = (content: Fields): readonly Fields[] => listOf(content["parts"]).filter(isFields);
  const words = contents.findLastIndex(
    (content) => content["role"] !== "model" && partsOf(content).some(({ text }) => text !== undefined),
  );
  const turns = contents.slice(words + 1).filter(({ role }) => role === "model");
  const signed = turns.map((turn) => {
    const parts = partsOf(turn);
    const [call, sibling] = parts.filter(({ functionCall }) => functionCall !== undefined);
    expect(sibling?.["thoughtSignature"]).toBeUndefined();
    // Claude's are of the thought, which stands in front.
    const [bearer] = family === "claude" ? parts : [call];
    if (family === "claude") expect(bearer).toMatchObject({ thought: true, text: callingThought });
    return Buffer.from(String(bearer?.["thoughtSignature"]), "base64").toString();
  });
  expect(signed).toEqual(Array.from({ length: steps }, () => expect.stringMatching(`^${family} signature`)));
  expect(new Set(signed).size).toBe(steps);
}

const HOUR = 3_600_000;

/** The first account is out for two hours, the second for longer: the client hears of two hours, and then is served again. */
export async function quotaEndsAndReturns({ it, clock, client, model }: Scene): Promise<void> {
  const { google } = it;
  const hours = new Map([
    ["first@example.com", 2],
    ["second@example.com", 30],
  ]);
  const talks = conversation(google);
  google.always((asked) => {
    const left = hours.get(asked.email);
    return left === undefined ? talks(asked) : quotaExhausted(left * 3600, asked.model);
  });
  const ask = () => client.talk(it.proxy.url, model).say("hello");
  const before = google.generated.length;
  const refused: unknown = await ask().catch((error: unknown) => error);
  expect(client.isLimit(refused)).toBe(true);
  expect(client.wait(refused)).toBeGreaterThan(2 * 3600 - 10);
  expect(client.wait(refused)).toBeLessThan(2 * 3600 + 10);
  expect(google.generated).toHaveLength(before + 2);
  // Nobody is asked in vain.
  await expect(ask()).rejects.toSatisfy(client.isLimit);
  expect(google.generated).toHaveLength(before + 2);
  expect(it.rests()).toHaveLength(2);

  hours.delete("first@example.com");
  clock.forward(2 * HOUR + 2000);
  expect((await ask()).text).toBe(greeting);
  expect(google.generated.at(-1)?.email).toBe("first@example.com");
  expect(it.rests()).toEqual([expect.stringContaining("second@example.com")]);
  // The token has ended meanwhile as well.
  expect(google.oauth.grants).toContain("refresh_token");
  hours.clear();
  clock.forward(28 * HOUR);
  expect((await ask()).text).toBe(greeting);
  expect(it.rests()).toEqual([]);
}
