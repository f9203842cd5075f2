/** The `code` of a Node or undici error, or of what caused it: unlike a message, it never quotes what a peer sent. */
export function errorCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return errorCodeOf(error instanceof AggregateError ? error.errors[0] : error.cause);
}
