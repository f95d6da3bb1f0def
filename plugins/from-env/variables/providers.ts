/** Keys, addresses and models of providers. */
import type { Variable, VariableGroup } from "./row.ts";

const key = (id: string, others: readonly string[] = []): Variable[] => [
  {
    name: `${id}_API_KEY`,
    becomes: "keys of the provider" + (others.length > 0 ? ", and where they hold none:" : ""),
    example: `${id}_API_KEY=your-${id.toLowerCase().replaceAll("_", "-")}-key-here`,
  },
  ...others.map((name) => ({ name, becomes: `as \`${id}_API_KEY\`` })),
];

export const providers: VariableGroup = {
  title: "Providers",
  variables: [
    { name: "<PROVIDER>_API_KEY", becomes: "a key; the provider takes part" },
    {
      name: "<PROVIDER>_API_KEY_<N>",
      becomes: "more keys, in the order of their numbers; gaps do not matter",
      example: "OPENAI_API_KEY_2=your-second-openai-key-here",
    },
    {
      name: "<PROVIDER>_API_KEYS",
      becomes: "keys with commas or line ends between them",
      example: "ANTHROPIC_API_KEYS=your-first-key-here,your-second-key-here",
    },
    {
      name: "<PROVIDER>_API_KEY_FILE",
      becomes: "the file with the keys, read again when it changes; also behind the other forms",
    },
    {
      name: "<PROVIDER>_API_BASE",
      becomes:
        "`baseURL` of the provider; one that does not ship becomes `openaiCompatible({ name, baseURL })`, without a key where none is set",
      example: "LAB_API_BASE=http://127.0.0.1:8001/v1",
    },
    {
      name: "<PROVIDER>_MODELS",
      becomes:
        'models beside those it lists: a JSON list, or `{"name": {"id": …, "options": { … }}}` with the upstream\'s own name and fields of the request',
      example: 'LAB_MODELS=["llama-3.3-70b"]',
    },
    {
      name: "PROVIDER_PRIORITY_<PROVIDER>",
      becomes: "its tier in `tiers()`, 1 is best",
      example: "PROVIDER_PRIORITY_OPENAI=2",
    },
    ...key("OPENAI", ["OPENAI_KEY"]),
    ...key("ANTHROPIC", ["ANTHROPIC_KEY"]),
    ...key("GEMINI", ["GOOGLE_API_KEY", "GOOGLE_API_KEYS", "GOOGLE_AI_KEY"]),
    ...key("OPENROUTER"),
    ...key("GROQ"),
    ...key("MISTRAL", ["MISTRAL_AI_KEY"]),
    ...key("COHERE"),
    ...key("NVIDIA_NIM", ["NVIDIA_API_KEY"]),
    ...key("CHUTES"),
    ...key("DEEPSEEK"),
    ...key("XAI"),
    ...key("TOGETHER", ["TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY"]),
    ...key("CEREBRAS"),
    ...key("AGENTROUTER"),
    ...key("HUGGINGFACE", ["HF_TOKEN"]),
    ...key("PUTER", ["PUTER_AUTH_TOKEN"]),
    {
      name: "PUTER_API_BASE",
      becomes: "another address for `puter`, which then takes part without a key too",
      example: "PUTER_API_BASE=http://127.0.0.1:8002/v1",
    },
    {
      name: "OLLAMA_API_BASE",
      becomes: "`ollama` takes part, at this address",
      example: "OLLAMA_API_BASE=http://127.0.0.1:11434/v1",
    },
    { name: "G4F_API_KEY", becomes: "`g4f()` takes part, all five; it may be empty", example: "G4F_API_KEY=" },
    {
      name: "G4F_<ENDPOINT>_API_BASE",
      becomes: "the address of `g4f_main`, `g4f_groq`, `g4f_grok`, `g4f_gemini` or `g4f_nvidia`; all five take part",
      example: "G4F_MAIN_API_BASE=http://127.0.0.1:1337/v1",
    },
    {
      name: "PROVIDER_PRIORITY_G4F",
      becomes: "the tier of the five",
      readBy: "plugins/g4f/index.ts",
      example: "PROVIDER_PRIORITY_G4F=5",
    },
    { name: "PROVIDER_PRIORITY_G4F_<ENDPOINT>", becomes: "the tier of one of them", readBy: "plugins/g4f/index.ts" },
    {
      name: "ANTHROPIC_BASE_URL",
      ignored: "Anthropic's clients read it; set it to the proxy there, and `ANTHROPIC_API_BASE` here",
    },
    { name: "AWS_CREDENTIALS", ignored: "no provider for it ships; `aiSdk()` takes the package of Amazon Bedrock" },
    { name: "GCP_CREDENTIALS", ignored: "no provider for it ships; `aiSdk()` takes the package of Vertex AI" },
    { name: "AZURE_CREDENTIALS", ignored: "no provider for it ships; `aiSdk()` takes the package of Azure" },
  ],
};
