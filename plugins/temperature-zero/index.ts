/** Takes a temperature of 0 away from requests: some models then repeat themselves or call tools that are not there. */
import {
  type Attempt,
  type Body,
  ConfigError,
  definePlugin,
  type Plugin,
  readField,
  withField,
  withoutField,
} from "waygate";

export interface TemperatureZeroOptions {
  /** `remove`: the upstream's own default counts; `set`: it becomes 1. */
  readonly mode: "remove" | "set";
}

/** Where a request states it (API references: OpenAI, Anthropic, Gemini, whose REST API takes both spellings). */
const places: { readonly [protocol: string]: readonly (readonly string[])[] } = {
  gemini: [
    ["generationConfig", "temperature"],
    ["generation_config", "temperature"],
  ],
};
/** Found by native search; nearly all requests end here. */
const likely = /"temperature"\s*:\s*-?0/;
const usualPlaces: readonly (readonly string[])[] = [["temperature"]];

/**
 * For every protocol, and without a request being parsed or written anew for it: the one number is cut out of its text.
 * Throws a `ConfigError` for a mode that is none.
 */
export function temperatureZero({ mode }: TemperatureZeroOptions): Plugin<readonly []> {
  if (mode !== "remove" && mode !== "set") throw unknownMode(mode);
  return definePlugin({
    name: "temperature-zero",
    hooks: {
      transform: {
        // What only passes through is not this plugin's to change.
        when: ({ operation }) => operation === "generate",
        handler(attempt: Attempt) {
          const { body } = attempt.wire;
          if (!body || !likely.test(body.text)) return;
          const changed = (places[attempt.protocol.id] ?? usualPlaces).reduce(
            (each, path) => without(each, path, mode),
            body,
          );
          if (changed !== body) attempt.wire = { ...attempt.wire, body: changed };
        },
      },
    },
  });
}

function without(body: Body, path: readonly string[], mode: TemperatureZeroOptions["mode"]): Body {
  const written = readField(body.text, path);
  // `0`, `0.0`, `-0` and `0e5` are all of them 0, and a text is left to the upstream.
  if (written === undefined || !/^-?[\d.]/.test(written) || Number(written) !== 0) return body;
  return mode === "remove" ? withoutField(body, path) : withField(body, path, 1);
}

function unknownMode(mode: unknown): ConfigError {
  return new ConfigError([
    {
      code: "config_invalid",
      path: ["plugins", "temperatureZero", "mode"],
      what: `temperatureZero: there is no mode "${String(mode)}"`,
      why: "the modes are remove and set",
      fix: 'write { mode: "remove" }',
      needle: String(mode),
    },
  ]);
}
