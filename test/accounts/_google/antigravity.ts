/** What Antigravity has and Gemini CLI has not: checks of its envelope, its list of models and its windows of quota. */
import type { GoogleFake } from "./google.ts";
import { type Answer, failure, type Fields, isFields, json, listOf } from "./types.ts";

const invalid = (message: string): Answer => failure(400, "INVALID_ARGUMENT", message);

const types = ["agent", "image_gen", "web_search"];

export function antigravityFault(body: Fields): Answer | undefined {
  const { requestType, requestId, userAgent, request, model } = body;
  const { sessionId, generationConfig, tools, toolConfig, systemInstruction } = isFields(request) ? request : {};
  if (userAgent !== "antigravity") return invalid("userAgent is required");
  if (!types.includes(String(requestType))) return invalid("requestType is invalid");
  if (!/^(?:agent-[0-9a-f-]{36}|image_gen\/\d+\/[0-9a-f-]{36}\/12)$/.test(String(requestId))) {
    return invalid("requestId is invalid");
  }
  if (!/^-\d{1,19}$/.test(String(sessionId))) return invalid("sessionId is invalid");
  const config = isFields(generationConfig) ? generationConfig : {};
  if (config["responseJsonSchema"] !== undefined) return invalid('Unknown name "responseJsonSchema"');
  const list = listOf(tools).filter(isFields);
  const functions = list.flatMap((entry) => listOf(entry["functionDeclarations"]));
  if (functions.length > 0 && list.some((entry) => "googleSearch" in entry)) {
    return invalid("Tool use with function calling is unsupported");
  }
  if (/image/.test(String(model)) && (list.length > 0 || systemInstruction !== undefined)) {
    return invalid("Tools and system instructions are not enabled for this model");
  }
  const other = /claude|gpt/.test(String(model));
  const length = typeof config["maxOutputTokens"] === "number" ? config["maxOutputTokens"] : 0;
  if (length > (other ? (/gpt/.test(String(model)) ? 32_768 : 64_000) : 65_536))
    return invalid("maxOutputTokens is too large");
  if (!/claude/.test(String(model))) return undefined;
  const thinking = config["thinkingConfig"] !== undefined;
  if (thinking && config["temperature"] !== undefined && config["temperature"] !== 1) {
    return invalid("`temperature` may only be set to 1 when thinking is enabled.");
  }
  if (thinking && config["topK"] !== undefined) return invalid("`top_k` must be unset when thinking is enabled.");
  const calling = isFields(toolConfig) ? toolConfig["functionCallingConfig"] : undefined;
  const mode = isFields(calling) ? calling["mode"] : undefined;
  return functions.length > 0 && !["VALIDATED", "ANY", "NONE"].includes(String(mode))
    ? invalid("functionCallingConfig.mode must be VALIDATED")
    : undefined;
}

export interface Bucket {
  readonly left: number;
  readonly resetTime?: string;
}

export interface QuotaFake {
  /** By bucket: `gemini-5h`, `3p-weekly`. */
  readonly buckets: Map<string, Bucket>;
  /** What is offered; a fraction and its reset where the list tells it. */
  readonly models: Map<string, Bucket | undefined>;
  readonly renamed: Map<string, string>;
  /** False: the account has no summary. */
  summary: boolean;
  /** True: calls that name the project are refused. */
  refusesProject: boolean;
}

const names: { readonly [group: string]: string } = { gemini: "Gemini Models", "3p": "Claude and GPT models" };

/** Puts both calls into the fake. Only the host called `daily` tells the truth. */
export function withQuotas(google: GoogleFake): QuotaFake {
  const quota: QuotaFake = {
    buckets: new Map([
      ["gemini-5h", { left: 1 }],
      ["gemini-weekly", { left: 1 }],
      ["3p-5h", { left: 1 }],
      ["3p-weekly", { left: 1 }],
    ]),
    models: new Map<string, Bucket | undefined>(
      [
        "gemini-3-flash",
        "gemini-pro-agent",
        "gemini-3.1-pro-low",
        "claude-sonnet-4-6",
        "claude-opus-4-6-thinking",
        "chat_20706",
      ].map((id) => [id, undefined]),
    ),
    renamed: new Map([["gemini-3-pro-high", "gemini-pro-agent"]]),
    summary: true,
    refusesProject: false,
  };
  const told = ({ left, resetTime }: Bucket, host: string): Fields => ({
    ...(host !== "daily" ? { remainingFraction: 1 } : left > 0 && { remainingFraction: left }),
    ...(resetTime !== undefined && { resetTime }),
  });
  const needsProject = (body: Fields): Answer | undefined =>
    typeof body["project"] === "string" && quota.refusesProject
      ? failure(403, "PERMISSION_DENIED", "The caller does not have permission")
      : undefined;
  google.override("fetchAvailableModels", (body, host) => {
    const refused = needsProject(body);
    if (refused) return refused;
    const models = [...quota.models].map(([id, bucket]) => [
      id,
      { displayName: id, supportsThinking: true, ...(bucket && { quotaInfo: told(bucket, host) }) },
    ]);
    const deprecatedModelIds = [...quota.renamed].map(([old, newModelId]) => [old, { newModelId }]);
    return json(200, {
      models: Object.fromEntries(models),
      deprecatedModelIds: Object.fromEntries(deprecatedModelIds),
    });
  });
  google.override("retrieveUserQuotaSummary", (body, host) => {
    if (!quota.summary || typeof body["project"] !== "string") return failure(404, "NOT_FOUND", "Method not found.");
    const groups = Object.entries(names).map(([group, displayName]) => ({
      displayName,
      buckets: [...quota.buckets]
        .filter(([id]) => id.startsWith(`${group}-`))
        .map(([bucketId, bucket]) => ({ bucketId, window: bucketId.split("-")[1], ...told(bucket, host) })),
    }));
    return json(200, { groups });
  });
  return quota;
}
