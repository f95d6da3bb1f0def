/** The failures of the service, as it words them. */
import { type Answer, failure, info, json } from "./types.ts";

const retryInfo = (retryDelay: string): unknown => ({
  "@type": "type.googleapis.com/google.rpc.RetryInfo",
  retryDelay,
});

/** All of a quota is used up for so many seconds. */
export function quotaExhausted(seconds: number, model: string): Answer {
  return failure(
    429,
    "RESOURCE_EXHAUSTED",
    `You have exhausted your capacity on this model. Your quota will reset after ${seconds}s.`,
    [
      info("QUOTA_EXHAUSTED", {
        uiMessage: "true",
        model,
        quotaResetDelay: `${seconds}.300432511s`,
        quotaResetTimeStamp: new Date(Date.now() + seconds * 1000).toISOString(),
      }),
      retryInfo(`${seconds}.300432511s`),
    ],
  );
}

export function rateLimited(delay: string, model: string): Answer {
  return failure(
    429,
    "RESOURCE_EXHAUSTED",
    `You have exhausted your capacity on this model. Your quota will reset after ${delay}.`,
    [info("RATE_LIMIT_EXCEEDED", { uiMessage: "true", model, quotaResetDelay: delay }), retryInfo(delay)],
  );
}

/** A limit that names its time in the message only. */
export function limitedInWords(message: string): Answer {
  return failure(429, "RESOURCE_EXHAUSTED", message, [info("RATE_LIMIT_EXCEEDED", { uiMessage: "true" })]);
}

export function noCapacity(model: string, status: 429 | 503 = 503): Answer {
  const word = status === 429 ? "RESOURCE_EXHAUSTED" : "UNAVAILABLE";
  const message = `No capacity available for model ${model} on the server`;
  return failure(status, word, message, [info("MODEL_CAPACITY_EXHAUSTED", { model })]);
}

export const bareLimit: Answer = failure(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).");

export const validationRequired: Answer = failure(403, "PERMISSION_DENIED", "To continue, verify your account.", [
  info("VALIDATION_REQUIRED", { validation_link: "https://accounts.google.com/signin/continue?plt=1" }),
  {
    "@type": "type.googleapis.com/google.rpc.Help",
    links: [{ description: "Verify", url: "https://accounts.google.com/signin/continue?plt=1" }],
  },
]);

export const termsViolated: Answer = failure(
  403,
  "PERMISSION_DENIED",
  "This service has been disabled in this account for violation of Terms of Service.",
  [info("TOS_VIOLATION", { appeal_url: "https://forms.example.com/appeal", appeal_url_link_text: "Submit Appeal" })],
);

export const unsupportedClient: Answer = failure(403, "PERMISSION_DENIED", "This client is no longer supported.", [
  info("UNSUPPORTED_CLIENT"),
]);

export const serviceDisabled: Answer = failure(
  403,
  "PERMISSION_DENIED",
  "Gemini for Google Cloud API has not been used in project x.",
  [
    info(
      "SERVICE_DISABLED",
      {
        service: "cloudaicompanion.googleapis.com",
        activationUrl:
          "https://console.developers.google.com/apis/api/cloudaicompanion.googleapis.com/overview?project=x",
      },
      "googleapis.com",
    ),
  ],
);

export function noPermission(project: string): Answer {
  const permission = "cloudaicompanion.companions.generateChat";
  const message = `Permission '${permission}' denied on resource '//cloudaicompanion.googleapis.com/projects/${project}/locations/global' (or it may not exist).`;
  return failure(403, "PERMISSION_DENIED", message, [
    info("IAM_PERMISSION_DENIED", { permission }, "iam.googleapis.com"),
  ]);
}

export const noSubscription: Answer = failure(
  403,
  "PERMISSION_DENIED",
  "Gemini Code Assist license is required to use this project (#3501)",
  [
    info("SUBSCRIPTION_REQUIRED", {}, "cloudaicompanion.googleapis.com"),
    {
      "@type": "type.googleapis.com/google.rpc.Help",
      links: [{ description: "Request a licence", url: "https://developers.google.com/codeassist/request-license" }],
    },
  ],
);

export function projectGone(project: string): Answer {
  return failure(404, "NOT_FOUND", `Resource projects/${project} could not be found.`, [
    { "@type": "type.googleapis.com/google.rpc.ResourceInfo", resourceName: `projects/${project}` },
  ]);
}

export const noSuchModel: Answer = failure(404, "NOT_FOUND", "Requested entity was not found.");

export const wrongPlace: Answer = failure(
  400,
  "FAILED_PRECONDITION",
  "User location is not supported for the API use.",
);

/** Some front ends put an error into a list. */
export function inList(answer: Answer): Answer {
  return json(answer.status, [JSON.parse(String(answer.body))]);
}
