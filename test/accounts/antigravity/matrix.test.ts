import { expect, test } from "vitest";
import { models } from "../../../plugins/antigravity/models.ts";
import { asksWithEveryEffort } from "../_google/efforts.ts";
import { lab } from "./_lab.ts";

const older = ["2.5-flash", "2.5-flash-lite", "2.5-pro", "3-pro-preview", "3.1-pro"].map((id) => `gemini-${id}`);

test.each([...models, ...older, "claude-sonnet-4.5"])("%s is asked for nothing that it refuses", async (model) => {
  // That closed objects may be refused is tested by itself.
  await using it = await lab({ options: { toolGuards: { strict: false } } });
  await expect(asksWithEveryEffort(it, `antigravity/${model}`)).resolves.toBeUndefined();
});
