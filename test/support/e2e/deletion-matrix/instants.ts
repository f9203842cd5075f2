/** @returns the RFC 3339 instants in a text, as epoch milliseconds. */
export function instantsIn(text: string): readonly number[] {
  return [...text.matchAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g)].map(([instant]) => Date.parse(instant));
}

/** Parses an instant as Go prints it (`2026-11-24 13:00:13.420418489 +0000 UTC`) to epoch milliseconds. */
export function goInstant(text: string): number {
  const [date, time] = text.split(' ');
  const instant = Date.parse(`${date}T${time}Z`);
  if (Number.isNaN(instant)) throw new Error(`not an instant: ${text}`);
  return instant;
}
