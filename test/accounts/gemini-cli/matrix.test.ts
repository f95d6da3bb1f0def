import { expect, test } from "vitest";
import { models } from "../../../plugins/gemini-cli/models.ts";
import { asksWithEveryEffort } from "../_google/efforts.ts";
import { lab } from "./_lab.ts";

test.each(models)("%s is asked for nothing that it refuses", async (model) => {
  await using it = await lab();
  await expect(asksWithEveryEffort(it, `gemini_cli/${model}`)).resolves.toBeUndefined();
});
