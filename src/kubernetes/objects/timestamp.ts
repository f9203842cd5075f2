/** To the second, as X.509 (RFC 5280 §4.1.2.5) and Kubernetes write them. */
export function toRfc3339(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** RFC 3339 or, from certman-operator, Go's `Time.String()` (`2026-01-01 00:00:00 +0000 UTC`); else undefined. */
export function parseTimestamp(text: string): Date | undefined {
  const trimmed = text.trim();
  const go = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.\d+)? ([+-]\d{2})(\d{2})(?: \S+)?$/.exec(trimmed);
  const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/.test(trimmed);
  if (go === null && !rfc3339) return undefined;
  const date = new Date(go === null ? trimmed : `${go[1]}T${go[2]}${go[3]}:${go[4]}`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
