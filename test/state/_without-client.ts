/** Opens the store where the client library is not installed, and prints what is said about it. */
import { registerHooks } from "node:module";
import { redis } from "waygate/plugins/redis";
import { systemClock } from "waygate";

registerHooks({
  resolve: (specifier, context, next) => next(specifier === "@redis/client" ? `${specifier}-none` : specifier, context),
});
const log = { warn: () => undefined, info: () => undefined };
try {
  await redis({ url: "redis://127.0.0.1:1" }).state?.open({ clock: systemClock(), log });
} catch (error) {
  process.stdout.write((error as Error).message);
}
