import { expect, test } from "vitest";
import { cooldown } from "waygate/plugins/cooldown";
import { answer, chunk, cut, status, type Step, stream } from "waygate/testing";
import { lab, type Lab } from "../rules/_lab.ts";

const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);

/** One key after the other, so that no key's own rest gets in the way. */
async function failing(step: Step): Promise<{ setup: Lab; fails(count: number): Promise<void> }> {
  let bad = 0;
  const setup = await lab({
    providers: { lab: keys },
    plugins: [cooldown()],
    retry: { attempts: 1, sameCredential: 0, shortWait: 0, queueWait: 0 },
    upstream: () => (bad-- > 0 ? step : answer()),
  });
  return {
    setup,
    async fails(count) {
      for (let time = 0; time < count; time++) {
        bad = 1;
        // From the second failure in a row a key rests, so the next one is asked.
        await setup.ask();
        bad = 1;
        await setup.ask();
      }
      bad = 0;
    },
  };
}

const paused = ({ rests }: Lab): boolean => rests().some((rest) => rest.startsWith("lab "));

test("A14 failures that come together between two answers do not pause a provider that answers", async () => {
  const { setup, fails } = await failing(status(500));
  await using _ = setup;
  expect((await setup.ask()).status).toBe(200);
  await fails(5);
  expect(paused(setup)).toBe(false);
  expect((await setup.ask()).status).toBe(200);
});

test("A14 the same failures pause it once it has been silent for a second", async () => {
  const { setup, fails } = await failing(status(500));
  await using _ = setup;
  await setup.ask();
  await setup.clock.advance(1000);
  await fails(5);
  expect(paused(setup)).toBe(true);
});

test("A14 streams that break off after their beginning are no sign of a provider that is away", async () => {
  const broken = cut(
    stream([chunk({ content: "begun" }), chunk({ content: "more" }), chunk({}, { finish: "stop" })]),
    250,
  );
  await using setup = await lab({ providers: { lab: keys }, plugins: [cooldown()], upstream: broken });
  for (let time = 0; time < 8; time++) {
    const reply = await setup.finish(setup.proxy.chat({ model: "lab/m", stream: true }));
    expect(reply.text).toContain("begun");
  }
  expect(paused(setup)).toBe(false);
});
