/** Laws of small values. */
import type { Json } from "../protocols/canonical.ts";
import { same } from "./state-laws.ts";
import type { StateLaw } from "./test-state.ts";

/** Longer than any law takes. */
const LONG = 3_600_000;

export const valueLaws: readonly StateLaw[] = [
  {
    title: "a value is given back as it was set, and nothing where nothing was",
    async run({ store, key }) {
      same(await store.get(key), undefined, "a value nobody has set");
      const deep: Json = { deep: [1, { more: "ü 👍 \u0000 \u2028" }] };
      const values: readonly Json[] = [0, "", false, null, 1.5, "text", [], {}, deep];
      for (const value of values) {
        await store.set(key, value, LONG);
        same(await store.get(key), value, "the value");
      }
    },
  },
  {
    title: "keys are any text, and are told apart",
    async run({ store, key }) {
      const names = [
        "a",
        "a ",
        "A",
        "ä",
        "a\u0308",
        "键",
        "👩‍👩‍👧",
        "a b",
        "a:b",
        "{a}",
        "a\nb",
        "a\0b",
        "*",
        "__proto__",
        "x".repeat(2000),
      ];
      for (const [index, name] of names.entries()) await store.set(`${key} ${name}`, index, LONG);
      for (const [index, name] of names.entries()) same(await store.get(`${key} ${name}`), index, JSON.stringify(name));
    },
  },
  {
    title: "a value may be large",
    async run({ store, key }) {
      const value = { text: "größer ".repeat(150_000) };
      await store.set(key, value, LONG);
      if (JSON.stringify(await store.get(key)) !== JSON.stringify(value)) throw new Error("it comes back changed");
    },
  },
  {
    title: "a value ends with its time to live, and setting it again begins that anew",
    async run({ store, key, window, pass }) {
      await store.set(`${key} short`, 1, window);
      await store.set(`${key} again`, 1, window);
      await store.set(`${key} again`, 2, LONG);
      await pass(window);
      same(await store.get(`${key} short`), undefined, "the value whose time is over");
      same(await store.get(`${key} again`), 2, "the value that was set again");
    },
  },
  {
    title: "a value that is deleted is gone, and deleting nothing is fine",
    async run({ store, key }) {
      await store.set(key, 1, LONG);
      await store.delete(key);
      await store.delete(key);
      same(await store.get(key), undefined, "the deleted value");
    },
  },
];
