/** The admin API of groups: `/api/groups`. */
import type { Plugin } from "waygate";
import { identifier, readGroup, readQuotas } from "./input.ts";
import { type Group, ownerOf } from "./people.ts";
import { bodyOf, callOf, idOf, notThere, reply, versionOf } from "./routes.ts";
import type { Running } from "./running.ts";
import { newId } from "./tokens.ts";
import { allGroups, groupDocumentOf } from "./views.ts";

export function groupRoutes(running: () => Running): NonNullable<Plugin["routes"]> {
  const subjectOf = (id: string): string => ownerOf("group", id);
  return {
    "GET /api/groups": () => allGroups(running()),
    "POST /api/groups": async (event) => {
      const run = running();
      const body = await bodyOf(event);
      const id = body["id"] === undefined ? newId() : identifier(body["id"], "id");
      const { name = id, note = "", models, credentials, limits } = readGroup(body);
      const createdAt = run.app.runtime.clock.now();
      const group: Group = { id, name, note, models, credentials, limits, createdAt, version: 1 };
      const act = { ...callOf(event), action: "group.add", subject: subjectOf(id), detail: { name } };
      await run.people.addGroup(group, readQuotas(body), act);
      return reply(201, await groupDocumentOf(run, group));
    },
    "GET /api/groups/:id": async (event) => {
      const run = running();
      const group = run.directory.group(idOf(event));
      if (group === undefined) throw notThere("group", idOf(event));
      return reply(200, await groupDocumentOf(run, group), group.version);
    },
    "PATCH /api/groups/:id": async (event) => {
      const run = running();
      const body = await bodyOf(event);
      const detail = { fields: Object.keys(body) };
      const act = { ...callOf(event), action: "group.edit", subject: subjectOf(idOf(event)), detail };
      const edit = readGroup(body);
      const group = await run.people.editGroup(idOf(event), edit, readQuotas(body), act, versionOf(event, body));
      return reply(200, await groupDocumentOf(run, group), group.version);
    },
    "DELETE /api/groups/:id": async (event) => {
      await running().people.remove("group", idOf(event), callOf(event).actor);
      return { removed: idOf(event) };
    },
    "POST /api/groups/:id/refresh": async (event) => {
      const run = running();
      if (run.directory.group(idOf(event)) === undefined) throw notThere("group", idOf(event));
      return { refreshed: await run.people.refresh([subjectOf(idOf(event))], callOf(event).actor) };
    },
  };
}
