import { createHmac, timingSafeEqual } from "node:crypto";
import { definePlugin } from "waygate";

const sign = (text: string, secret: string) => createHmac("sha256", secret).update(text).digest("base64url");

/** A token for one of your users: `user.expiry.signature`, its expiry in seconds since 1970. */
export const issueToken = (user: string, expiry: number, secret: string) =>
  `${user}.${expiry}.${sign(`${user}.${expiry}`, secret)}`;

/** Lets in whoever has such a token, and says who it is. What it does not know it leaves to the next auth plugin. */
export const signedTokens = (secret: string) =>
  definePlugin({
    name: "signed-tokens",
    hooks: {
      auth(ctx) {
        const token = /^Bearer (.+)$/i.exec(ctx.req.headers.get("authorization") ?? "")?.[1] ?? "";
        const [user = "", expiry = "", signature = ""] = token.split(".");
        const right = sign(`${user}.${expiry}`, secret);
        if (signature.length !== right.length) return undefined;
        if (!timingSafeEqual(Buffer.from(signature), Buffer.from(right))) return undefined;
        if (Number(expiry) * 1000 <= ctx.app.runtime.clock.now()) return undefined;
        return { id: user };
      },
    },
  });
