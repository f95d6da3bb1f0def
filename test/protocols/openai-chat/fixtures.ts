import { type Fixtures, fixturesOf } from "../fixtures.ts";

export const { requests, bodies, streams }: Fixtures = fixturesOf("openai-chat");
