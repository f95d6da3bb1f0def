/** Another model's name in a body that says it in a field of its own, the rest byte for byte. */
import { type Body, lazyBody } from "../wire/body.ts";
import { withField } from "../wire/json-text.ts";

/** The general edit scans the whole text; the usual body needs only two native searches. */
export function withModel(body: Body, model: string): Body {
  const { text } = body;
  const at = text.indexOf(MODEL);
  // One spelling of the key in the text, none escaped: as the body has the field, this is it and not one further in.
  if (at === -1 || text.includes(MODEL, at + 1) || text.includes("\\u")) return withField(body, ["model"], model);
  const value = /\s*:\s*"/y;
  value.lastIndex = at + MODEL.length;
  const start = value.test(text) ? value.lastIndex - 1 : -1;
  const end = text.indexOf('"', start + 1);
  if (start === -1 || end === -1 || text.slice(start, end).includes("\\")) return withField(body, ["model"], model);
  return lazyBody(
    () => text.slice(0, start) + JSON.stringify(model) + text.slice(end + 1),
    () => ({ ...body.json, model }),
  );
}

const MODEL = '"model"';
