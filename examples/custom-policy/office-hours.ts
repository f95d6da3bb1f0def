import { definePlugin } from "waygate";

/** Keeps one provider for working hours: outside of them its candidates are left out, with the reason on record. */
export const officeHours = (provider: string, from = 8, to = 18) =>
  definePlugin({
    name: "office-hours",
    hooks: {
      selectKey: {
        precedence: "drop",
        handler(candidates, ctx, selection) {
          const hour = new Date(ctx.app.runtime.clock.now()).getUTCHours();
          if (hour >= from && hour < to) return candidates;
          return candidates.filter((candidate) => {
            if (candidate.provider.name !== provider) return true;
            selection.drop(candidate, { reason: `open from ${from} to ${to} UTC` });
            return false;
          });
        },
      },
    },
  });
