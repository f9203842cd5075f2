/** `api.x.example.com and 2 more`: fits a summary of Temporal (200 bytes). */
export function describeNames(names: readonly string[]): string {
  const first = (names[0] ?? 'no names').slice(0, 120);
  return names.length > 1 ? `${first} and ${names.length - 1} more` : first;
}
