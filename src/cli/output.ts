import { CertmanError } from '../failures/failure.ts';
import { oneLine, printable } from '../failures/printable.ts';

/** Results, to stdout. Texts come from outside, and a terminal obeys control characters: they are written as `\u001b`. */
export function print(text: string): void {
  process.stdout.write(`${printable(text)}\n`);
}

/** Clears the terminal, for a result that replaces the one before. */
export function clearTerminal(): void {
  if (process.stdout.isTTY) process.stdout.write('\u001b[2J\u001b[H');
}

/** A command's result, as JSON with --json, else as text. */
export function formatResult<Result>(
  options: { readonly json?: true },
  result: Result,
  asText: (result: Result) => string,
): string {
  return options.json === true ? JSON.stringify(result) : asText(result);
}

/** Progress, hints and errors, to stderr: piped output holds results only. Text as for {@link print}. */
export function note(text: string): void {
  process.stderr.write(`${printable(text)}\n`);
}

/** Columns as wide as their widest cell, without blanks at line ends. A cell is one line, whatever it contains. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map((cell) => oneLine(cell)));
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
];

/** `in 44 d`, `3 h ago`, `now`; `–` when there is no instant. */
export function formatRelative(text: string | undefined, now = Date.now()): string {
  if (text === undefined || Number.isNaN(Date.parse(text))) return '–';
  const distance = Date.parse(text) - now;
  const size = Math.abs(distance);
  // The largest unit of which there are at least two: 47 h is more precise than 1 d.
  const [unit, ms] = UNITS.find(([, length]) => size >= 2 * length) ?? ['s', 1_000];
  const count = Math.round(size / ms);
  if (count === 0) return 'now';
  return distance > 0 ? `in ${count} ${unit}` : `${count} ${unit} ago`;
}

/** `2027-01-01 12:00:00Z (in 39 d)`. */
export function formatInstant(text: string | undefined): string {
  if (text === undefined || Number.isNaN(Date.parse(text))) return '–';
  return `${new Date(text).toISOString().slice(0, 19).replace('T', ' ')}Z (${formatRelative(text)})`;
}

/** Message and exit code of a failed command: 2 for wrong use or configuration, 1 for everything else. */
export function describeError(error: unknown): { readonly message: string; readonly exitCode: number } {
  if (error instanceof CertmanError) {
    const remedy = error.info.remedy === undefined ? '' : `\n${error.info.remedy}`;
    return { message: `${error.message}${remedy}`, exitCode: error.code === 'configuration/invalid' ? 2 : 1 };
  }
  return { message: error instanceof Error ? error.message : String(error), exitCode: 1 };
}
