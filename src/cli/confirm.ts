import { createInterface } from 'node:readline/promises';
import { CertmanError } from '../failures/failure.ts';
import { printable } from '../failures/printable.ts';
import type { TimeBound } from './time-bound.ts';

/** Flags of a command that changes several things. */
export interface ConfirmOptions {
  readonly yes?: true;
  readonly dryRun?: true;
}

/**
 * Asks on a terminal, unless `--yes` was given. @param question a sentence about what is to be done.
 * @throws CertmanError `configuration/invalid` without a terminal, or when the answer is not yes: nothing is done.
 */
export async function confirm(question: string, { yes }: ConfirmOptions): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `${question} Nothing was done.`,
      remedy: 'Add --yes to do it, or --dry-run to see what would be done.',
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${printable(question)} Continue? [y/N] `);
    if (/^\s*y(es)?\s*$/i.test(answer)) return;
  } finally {
    terminal.close();
  }
  throw new CertmanError({ code: 'configuration/invalid', message: 'Nothing was done.' });
}

/** As {@link confirm}; the time of a command does not pass meanwhile. */
export async function confirmWithin(
  bound: TimeBound | undefined,
  question: string,
  options: ConfirmOptions,
): Promise<void> {
  const ask = () => confirm(question, options);
  await (bound === undefined ? ask() : bound.excluding(ask));
}
