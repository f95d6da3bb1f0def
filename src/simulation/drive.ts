/** Lets a world run: days of traffic with weather, dying keys, reloads and crashes, then quiet, then a last look. */
import { apiKeyCredential } from "../candidates/keys.ts";
import type { Chance } from "./chance.ts";
import { fair, type Upstream, type UpstreamKey, type Weather } from "./upstream.ts";
import { arrivals, type TrafficShape } from "./traffic.ts";
import type { World } from "./world.ts";

/** Mean milliseconds between two events of a kind; absent = never. */
export interface Events {
  readonly reload?: number;
  readonly restart?: number;
  readonly kill?: number;
  /** A provider has trouble for a while. */
  readonly storm?: number;
  /** A key is refused, has no credit or is banned. */
  readonly fate?: number;
  /** A key is taken away or comes back, while the proxy runs. */
  readonly keys?: number;
  /** Somebody sets the clock of the machine. */
  readonly jump?: number;
}

export interface DriveInit {
  readonly world: World;
  readonly chance: Chance;
  readonly upstreams: readonly Upstream[];
  readonly shape: TrafficShape;
  readonly events: Events;
  /** What goes wrong on an ordinary day, and what may in a storm. */
  readonly usual: Weather;
  readonly kinds: readonly string[];
  /** Nobody but the operator wakes keys that came back. */
  readonly operator: boolean;
  /** Keys that no config has just now, as `provider/name`. Changed by the drive. */
  readonly away: Set<string>;
  /** Names to ask for at the end. */
  readonly models: readonly string[];
  /** Asked now and then: true ends it before its time. */
  readonly enough?: () => boolean;
}

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Milliseconds that a clock is set forward or back. */
const JUMPS = [-2 * HOUR, -MINUTE, -5000, 5000, MINUTE, 2 * HOUR];

export async function drive(init: DriveInit): Promise<void> {
  const { world, chance, upstreams, shape, events, usual, kinds, operator, away } = init;
  const { clock, time } = world;
  const start = time();
  const end = start + shape.duration;
  for (const upstream of upstreams) upstream.weather = usual;

  const traffic = arrivals(shape, start, chance.fork("traffic"));
  const nextRequest = (): void => {
    const { value, done } = traffic.next();
    if (done) return;
    clock.timer(
      () => {
        void world.request(value);
        nextRequest();
      },
      start + value.at - time(),
    );
  };
  nextRequest();

  const happen = (name: string, mean: number | undefined, act: (own: Chance) => void): void => {
    if (mean === undefined) return;
    const own = chance.fork(name);
    const plan = (): void => {
      const wait = own.exponential(mean);
      if (time() + wait >= end) return;
      clock.timer(() => {
        act(own);
        plan();
      }, wait);
    };
    plan();
  };
  happen("reload", events.reload, () => void world.replace("reload"));
  happen("restart", events.restart, () => void world.replace("restart"));
  happen("kill", events.kill, () => void world.replace("kill"));
  happen("storm", events.storm, (own) => {
    const upstream = own.pick(upstreams);
    if (upstream.weather !== usual) return;
    const count = 1 + own.below(3);
    const kindsNow = Array.from({ length: count }, () => own.pick(kinds));
    upstream.weather = { share: own.pick([0.3, 0.7, 1]), kinds: kindsNow };
    world.trace.note(time(), "storm", upstream.provider, upstream.weather.share, ...kindsNow);
    clock.timer(() => (upstream.weather = time() < end ? usual : fair), own.exponential(30 * MINUTE));
  });
  const heal = (upstream: Upstream, key: UpstreamKey): void => {
    key.health = "good";
    world.trace.note(time(), "healed", upstream.provider, key.name);
    if (operator) wake(world, upstream.provider, key.name);
  };
  happen("fate", events.fate, (own) => {
    const upstream = own.pick(upstreams);
    const key = own.pick([...upstream.keys.values()]);
    if (key.health !== "good") return;
    key.health = own.pick(["revoked", "revoked", "unpaid", "banned"] as const);
    world.trace.note(time(), key.health, upstream.provider, key.name);
    clock.timer(() => heal(upstream, key), own.exponential(4 * HOUR));
  });

  happen("keys", events.keys, (own) => {
    const { provider, keys } = own.pick(upstreams);
    const name = own.pick([...keys.keys()]);
    const isAway = away.has(`${provider}/${name}`);
    world.trace.note(time(), isAway ? "added" : "removed", provider, name);
    if (isAway) bringBack(init, provider, name);
    else takeAway(init, provider, name);
  });
  happen("jump", events.jump, (own) => world.jump(own.pick(JUMPS)));

  while (time() < end) {
    await clock.advance(Math.min(end - time(), QUARTER));
    if (init.enough?.()) return;
  }
  // The longest that one answer may take, and what may come after it.
  await clock.advance(HOUR);
  checkQuiet(world, upstreams);
  for (const each of away) bringBack(init, ...(each.split("/") as [string, string]));
  for (const upstream of upstreams) {
    upstream.weather = fair;
    for (const key of upstream.keys.values()) heal(upstream, key);
  }
  // Every rest with an end is over by then: the longest that is believed is seven days.
  await clock.advance(8 * DAY);
  await checkRecovered(init);
}

function wake({ generations }: World, provider: string, name: string): void {
  for (const generation of generations()) {
    const credential = generation.key(provider, name)?.credential.id;
    if (credential !== undefined) generation.app.credentials.wake({ provider, credential });
  }
}

function takeAway({ world, away }: DriveInit, provider: string, name: string): void {
  away.add(`${provider}/${name}`);
  for (const generation of world.generations()) {
    const id = generation.key(provider, name)?.credential.id;
    if (id !== undefined) generation.app.credentials.remove(id);
  }
}

function bringBack({ world, away }: DriveInit, provider: string, name: string): void {
  away.delete(`${provider}/${name}`);
  for (const { app } of world.generations())
    app.credentials.add(apiKeyCredential(provider, { value: name, label: name }));
}

function checkQuiet({ lives, generations, violate }: World, upstreams: readonly Upstream[]): void {
  for (const life of lives.values()) violate("one-end", "it has no end an hour after the last request came", life);
  if (generations().length > 1) violate("free-again", `${generations().length} proxies still run`);
  for (const generation of generations()) {
    for (const { provider, keys } of upstreams) {
      for (const name of keys.keys()) {
        const id = generation.key(provider, name)?.credential.id;
        const taken = id === undefined ? 0 : generation.app.credentials.inFlight(id);
        if (taken > 0) violate("free-again", `${provider} ${name} has ${taken} places taken and no request`);
      }
    }
  }
}

async function checkRecovered({ world, models, chance, operator }: DriveInit): Promise<void> {
  const { clock, violate } = world;
  const { app } = world.current();
  for (const { target, rest } of app.credentials.rests()) {
    // A ban ends by an operator's hand only.
    if (rest.state === "banned" && !operator) continue;
    violate(
      "free-again",
      `${target.provider} ${target.credential ?? ""} ${target.model ?? ""} is ${rest.state}: ${rest.reason}`,
    );
  }
  const first = 1_000_000_000;
  for (const [place, model] of models.entries()) {
    const request = {
      index: first + place,
      at: 0,
      client: "client-1",
      model,
      stream: chance.happens(0.5),
      input: 9,
      output: 9,
    };
    const pending = world.request(request);
    await clock.advance(10 * MINUTE);
    await pending;
    const served = world.lives.get(first + place)?.served ?? world.last();
    const someLeft = app.models
      .resolve(model)
      .some(({ provider, model: asked }) =>
        app.credentials
          .list(provider.name)
          .some((credential) => app.credentials.resting({ provider, model: asked, credential }) === undefined),
      );
    if (someLeft && served?.status !== 200)
      violate("free-again", `${model} is answered with ${served?.status} ${served?.code}`);
  }
  await world.close();
  if (clock.pending > 0) violate("free-again", `${clock.pending} timers are left when all is closed`);
}
