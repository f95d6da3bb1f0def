import { definePlugin, defineSlot, ProxyError } from "waygate";

const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const mailAddress = /[\w.+-]+@[\w-]+\.[\w.-]+/g;
const held = defineSlot<string>("guardrail");

/** Refuses prompts with a private key in them, and takes mail addresses out of answers. */
export const guardrail = () =>
  definePlugin({
    name: "guardrail",
    hooks: {
      filter(ctx) {
        const parts = ctx.request.messages.flatMap((message) => message.parts);
        if (!parts.some((part) => part.type === "text" && privateKey.test(part.text))) return;
        throw new ProxyError({ kind: "invalid_request", code: "prompt_rejected", message: "No private keys, please" });
      },
      event: {
        // An answer that is read event by event costs more than one that is passed on, so only where it is wanted.
        when: (ctx) => !ctx.principal?.admin,
        handler(event, ctx) {
          if (event.type !== "text-delta" && event.type !== "block-end") return event;
          const text = (ctx.get(held) ?? "") + (event.type === "text-delta" ? event.delta : "");
          // The last word may go on in the next event, so it is kept back until the block ends.
          const safe = event.type === "block-end" ? text.length : text.search(/\S*$/);
          ctx.set(held, text.slice(safe));
          const delta = text.slice(0, safe).replace(mailAddress, "[address]");
          const clean = delta === "" ? [] : [{ type: "text-delta" as const, index: event.index, delta }];
          return event.type === "block-end" ? [...clean, event] : clean;
        },
      },
    },
  });
