/** Who is turned away before anything is read of what they want: the plugins that look at callers. */
import type { App } from "../plugin/app.ts";
import type { Call } from "./route.ts";

/** Throws a `ProxyError`, or answers at once. */
type Admit = (call: Call) => Response | undefined;

/** `undefined` when no plugin looks at callers, so that requests pay nothing for it. */
export function createDoor(app: App): ((route: string) => Admit) | undefined {
  const keepers = app.plugins.filter((plugin) => plugin.admit !== undefined);
  if (keepers.length === 0) return undefined;
  const declared = new Set(
    app.plugins.flatMap(({ adminRoutes = [] }) => adminRoutes.map((route) => route.slice(route.indexOf(" ") + 1))),
  );
  return (route) => {
    const admin = /^\/(?:api|admin)(?:\/|$)/.test(route) || declared.has(route);
    return ({ req, ip }) => {
      for (const keeper of keepers) {
        const answer = keeper.admit?.({ req, ip, route, admin }, app);
        if (answer) return answer;
      }
      return undefined;
    };
  };
}
