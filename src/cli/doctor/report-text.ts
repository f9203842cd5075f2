import { counted } from '../../failures/counted.ts';
import { oneLine } from '../../failures/printable.ts';
import type { CheckResult, CheckStatus } from './check.ts';

const MARKS: Readonly<Record<CheckStatus, string>> = { passed: '✓', warning: '!', failed: '✗', skipped: '-' };

/** A result as lines: what was found, and below it the remedy and where it is explained. */
export function resultText({ title, status, message, remedy, docs }: CheckResult): string {
  const mark = MARKS[status];
  if (status === 'passed') return `${mark} ${oneLine(title)}: ${oneLine(message)}`;
  const lines = [`${mark} ${oneLine(title)}`, `    ${oneLine(message)}`];
  if (remedy !== undefined) lines.push(`    ${oneLine(remedy)}`);
  if (status !== 'skipped') lines.push(`    see ${docs}`);
  return lines.join('\n');
}

/** The heading of a group. */
export function groupText(group: string): string {
  return `${oneLine(group)}\n${'-'.repeat(oneLine(group).length)}`;
}

/** How many of which. */
export function summaryText(results: readonly CheckResult[]): string {
  const count = (status: CheckStatus) => results.filter((result) => result.status === status).length;
  const parts = [`${count('passed')} passed`, counted(count('warning'), 'warning'), `${count('failed')} failed`];
  const skipped = count('skipped');
  return `${[...parts, ...(skipped === 0 ? [] : [`${skipped} not checked`])].join(', ')}.`;
}
