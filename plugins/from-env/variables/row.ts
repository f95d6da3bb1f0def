/** One row of the table of variables, from which the docs, `.env.example` and the words at the start are made. */
export interface Variable {
  /** `<PROVIDER>` and the like stand for a part that varies. */
  readonly name: string;
  /** What it becomes; Markdown. */
  readonly becomes?: string;
  /** Why it changes nothing, and what does the same; Markdown. */
  readonly ignored?: string;
  /** A line for `.env.example`. Where `fromEnv()` reads it, its value has an effect; where it is a secret, it is refused. */
  readonly example?: string;
  /** The same for what is too rare to stand there. */
  readonly sample?: string;
  /** What must be set too, or it changes nothing. */
  readonly beside?: string;
  /** The file that reads it, where `fromEnv()` does not. */
  readonly readBy?: string;
}

export interface VariableGroup {
  readonly title: string;
  readonly variables: readonly Variable[];
}

/** What the name may be. */
export function patternOf({ name }: Variable): RegExp {
  const parts = name
    .split(/(<[A-Z]+>)/)
    .map((part) => (part === "<N>" ? "\\d+" : part.startsWith("<") ? "[A-Z][A-Z\\d_]*" : part));
  return new RegExp(`^${parts.join("")}$`);
}
