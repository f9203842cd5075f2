/** A failure of the local stack that a person can act on: what, where, why, and what to do next. */
export class LocalStackError extends Error {
  readonly next: string | undefined;

  constructor(parts: { readonly message: string; readonly next?: string; readonly cause?: unknown }) {
    super(
      parts.next === undefined ? parts.message : `${parts.message}\n→ ${parts.next}`,
      parts.cause === undefined ? undefined : { cause: parts.cause },
    );
    this.name = 'LocalProblem';
    this.next = parts.next;
  }
}

/** Message of whatever was thrown. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error && !error.message.includes(error.cause.message) ? error.cause.message : '';
  return cause === '' ? error.message : `${error.message}: ${cause}`;
}
