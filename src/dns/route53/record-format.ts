import { normalizeName } from '../../certificates/dns-name.ts';

/** A name of an API answer, normalized, its octal escapes decoded (`\052` is `*`). */
export function decodeName(name: string): string {
  return normalizeName(
    name.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
  );
}

/** Orders names as Route 53 lists them: by labels from the right, each by ASCII. */
export function compareNamesByLabel(a: string, b: string): number {
  const left = reversedLabels(a);
  const right = reversedLabels(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Labels joined by a character below all that occur in names, so that a parent sorts before what is below it. */
function reversedLabels(name: string): string {
  return name.split('.').toReversed().join('\u0000');
}
