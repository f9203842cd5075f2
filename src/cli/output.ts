import { styleText } from 'node:util';
import type { CertificateState } from '../certificates/status-report.ts';
import { CertmanError } from '../failures/failure.ts';
import { oneLine, printable } from '../failures/printable.ts';

/**
 * Results, to stdout. Texts come from outside, and a terminal obeys control characters: they are written as `\u001b`.
 * On a terminal, states have a colour.
 */
export function print(text: string): void {
  process.stdout.write(`${styled(text)}\n`);
}

/** The same text, without writing it. */
export function styled(text: string): string {
  return colourStates(printable(text));
}

type Colour = 'red' | 'yellow' | 'green' | 'cyan' | 'dim';

const STATE_COLOURS: Readonly<Record<CertificateState, Colour>> = {
  Failing: 'red',
  Waiting: 'yellow',
  Decommissioning: 'yellow',
  Pending: 'cyan',
  Issuing: 'cyan',
  Renewing: 'cyan',
  Paused: 'dim',
  Ready: 'green',
};
/** A state behind the first word of its line: a cluster in a table, a bundle with a colon. */
const STATE_IN_LINE = new RegExp(`^( *\\S+ +)(${Object.keys(STATE_COLOURS).join('|')})(?= |$)`, 'gm');

/** Marks of checks, at the beginning of a line. */
const MARK_COLOURS: Readonly<Record<string, Colour>> = { '✓': 'green', '!': 'yellow', '✗': 'red' };
const MARK_IN_LINE = /^[✓!✗](?= )/gm;

/** Not where stdout is no terminal, or NO_COLOR is set: https://nodejs.org/api/tty.html#writestreamgetcolordepthenv */
function colourStates(text: string): string {
  return text
    .replace(
      STATE_IN_LINE,
      (_match, before: string, state: CertificateState) => `${before}${styleText(STATE_COLOURS[state], state)}`,
    )
    .replace(MARK_IN_LINE, (mark) => styleText(MARK_COLOURS[mark] ?? 'dim', mark));
}

/** How a result is written. */
export type OutputFormat = 'table' | 'wide' | 'json' | 'yaml';

/** Of a command with a result. */
export interface OutputOptions {
  readonly output?: OutputFormat;
  /** As `output: 'json'`. */
  readonly json?: true;
}

/** A command's result in the format that was asked for. @param asText the formats for people. */
export async function formatOutput<Result>(
  { output, json }: OutputOptions,
  result: Result,
  asText: (result: Result, wide: boolean) => string,
): Promise<string> {
  if (json === true || output === 'json') return JSON.stringify(result);
  if (output !== 'yaml') return asText(result, output === 'wide');
  const { dumpYaml } = await import('./yaml.ts');
  // Without what is undefined, as in JSON, which the YAML writer refuses.
  return dumpYaml(JSON.parse(JSON.stringify(result))).trimEnd();
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
