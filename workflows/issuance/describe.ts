/** `3 TXT records` */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** `api.x.example.com and 2 more`: fits a summary (200 bytes). */
export function describeNames(names: readonly string[]): string {
  const first = (names[0] ?? 'no names').slice(0, 120);
  return names.length > 1 ? `${first} and ${names.length - 1} more` : first;
}
