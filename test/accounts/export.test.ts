import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { fakeKind, fieldsOf, folder, storeIn } from "./_kind.ts";

const kind = fakeKind();

test("an account becomes variables with the seed's names, in a file of the seed's name", async () => {
  const store = storeIn(folder(), { now: () => Date.UTC(2026, 10, 21) });
  const account = await store.save(kind, fieldsOf("mia@example.com", { scope: "https://a https://b", expires_in: 1 }));
  expect(store.exportEnv(kind, account, 1)).toEqual({
    fileName: "fake_cli_credential_1.env",
    text: [
      "# The fake_cli account 1: mia@example.com",
      "# Written by waygate on 2026-11-21T00:00:00.000Z. Holds secrets: keep it to yourself.",
      "# Put these lines into .env or into the settings of a host without a disk. New tokens stay in memory there.",
      "FAKE_CLI_1_ACCESS_TOKEN=at-mia@example.com",
      "FAKE_CLI_1_REFRESH_TOKEN=rt-mia@example.com",
      "FAKE_CLI_1_EXPIRY_DATE=1800000000000",
      "FAKE_CLI_1_SCOPE=https://a https://b",
      "FAKE_CLI_1_EMAIL=mia@example.com",
      "",
    ].join("\n"),
  });
});

test.each(["plain", "a b", "a#b", " a ", `it's`, `say "a"`, `'a' "b"`, "a\nb", "a=b==", "a\\nb", "$HOME"])(
  "the value %j is what a reader of the file gets",
  async (value) => {
    const store = storeIn(folder());
    const account = await store.save(kind, fieldsOf("mia@example.com", { refresh_token: value }));
    const { text } = store.exportEnv(kind, account, 7);
    expect(parseEnv(text)["FAKE_CLI_7_REFRESH_TOKEN"]).toBe(value);
  },
);

test("what is exported can be used as environment and imported again, without a difference", async () => {
  const fields = fieldsOf("mia@example.com", { _proxy_metadata: { email: "mia@example.com", project_id: "p-1" } });
  const store = storeIn(folder());
  const { text, fileName } = store.exportEnv(kind, await store.save(kind, fields), 4);
  const [account] = (await storeIn(folder(), { env: parseEnv(text) as Record<string, string> }).list(kind)).accounts;
  expect(account).toMatchObject({ name: "env-4", fields });
  const other = storeIn(folder({ [fileName]: text }));
  expect(await other.importFile(kind, fileName)).toMatchObject([
    { outcome: "added", account: { name: "mia", fields } },
  ]);
});

test("a line break in an address does not begin a variable of its own", async () => {
  const store = storeIn(folder());
  const account = await store.save(kind, fieldsOf("mia@example.com\nFAKE_CLI_9_ACCESS_TOKEN=x"));
  expect(parseEnv(store.exportEnv(kind, account, 1).text)).not.toHaveProperty("FAKE_CLI_9_ACCESS_TOKEN");
});
