/** A failure of the local stack: what, where, why, and the remedy, if there is one. */
export class LocalStackError extends Error {
  readonly remedy: string | undefined;

  constructor(parts: { readonly message: string; readonly remedy?: string; readonly cause?: unknown }) {
    super(
      parts.remedy === undefined ? parts.message : `${parts.message}\n→ ${parts.remedy}`,
      parts.cause === undefined ? undefined : { cause: parts.cause },
    );
    this.name = 'LocalStackError';
    this.remedy = parts.remedy;
  }
}

/** Message of a thrown value, with that of its cause. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && !error.message.includes(error.cause.message) ? error.cause.message : '';
  return cause === '' ? error.message : `${error.message}: ${cause}`;
}
