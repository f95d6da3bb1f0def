/** For tests of plugins and of whole configurations, without a network. */
export { answer, chunk, errorInside, models } from "./answer.ts";
export type { AnswerInit, ScriptToolCall } from "./answer.ts";
export { bigFrame, comment, namedEvent, stream } from "./event-stream.ts";
export type { Comment, Frame, NamedEvent, StreamOptions } from "./event-stream.ts";
export { cut, encoded, hangAfterHeaders, later, manyHeaders, split, withHeaders } from "./reply-changes.ts";
export type { CutPlace, Split } from "./reply-changes.ts";
export {
  drop,
  dropReused,
  forever,
  gate,
  html,
  limited,
  pause,
  raw,
  redirect,
  reset,
  silence,
  slowHeaders,
  status,
} from "./script.ts";
export type { Ending, Gate, Piece, Reply, ReplyHeaders, ScriptRequest, Step, Wait } from "./script.ts";
export { allEvents, readEvents, textOfEvents } from "./sse-client.ts";
export type { ReadEvent, ReadEventsOptions } from "./sse-client.ts";
export { testPolicy } from "./test-policy.ts";
export type { PolicyRun, PolicyTest } from "./test-policy.ts";
export { testProvider } from "./test-provider.ts";
export type { ProviderTest } from "./test-provider.ts";
export { testProtocol } from "./test-protocol.ts";
export { testState } from "./test-state.ts";
export type { StateTest } from "./test-state.ts";
export { createTestProxy } from "./test-proxy.ts";
export type { TestProxy, TestProxyOptions, TestRecord } from "./test-proxy.ts";
export { createUpstream } from "./upstream.ts";
export type { Closed, Received, RequestMatch, Upstream, UpstreamOptions } from "./upstream.ts";
export { seededRandom, virtualClock } from "./virtual-clock.ts";
export type { VirtualClock } from "./virtual-clock.ts";
export { virtualResponse } from "./virtual-response.ts";
export type { VirtualCall } from "./virtual-response.ts";
export { scripted, virtualTransport } from "./virtual-transport.ts";
export type { VirtualHandler } from "./virtual-transport.ts";
