/** `npm run chaos`: kills certman's workers at every step of their work, then checks every outside system. */
import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../../local/stack/local-stack-error.ts';
import { runChaos } from './run-chaos.ts';

interface Options {
  readonly short: boolean;
  readonly seed: number;
  readonly clusters?: number;
  readonly minutes?: number;
  readonly state: string;
}

const MAX_SEED = 2 ** 31 - 1;

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`a number from ${least} to ${most}`);
  };
}

const options = new Command('chaos')
  .description(
    'Issues, renews and deletes certificates on the real local parts, with two workers that are killed by SIGKILL ' +
      'before and after each of their requests, and at random, while parts of the API server and Temporal refuse ' +
      'requests for a while. Then checks at the CA, Route 53, the API server and Temporal that nothing was lost, issued ' +
      'twice, left behind or is stuck.',
  )
  .option('--short', 'each instant once, 40 clusters; some five minutes on two cores', false)
  .addOption(
    new Option('--seed <n>', 'repeats the choices of an earlier run')
      .argParser(wholeNumber(0, MAX_SEED))
      .default(randomInt(MAX_SEED), 'another each time'),
  )
  .option('--clusters <n>', 'issued for, renewed and deleted (default: 40 when short, else 120)', wholeNumber(1, 500))
  .option('--minutes <n>', 'give up after so long (default: 20 when short, else 60)', wholeNumber(1, 600))
  .option('--state <folder>', 'where logs go', '.certman/chaos')
  .addHelpText('after', '\nExit code 1 when something was found, or when a kill that was planned could not be made.')
  .parse()
  .opts<Options>();

const clusters = options.clusters ?? (options.short ? 40 : 120);
const minutes = options.minutes ?? (options.short ? 20 : 60);
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
const late = AbortSignal.timeout(minutes * 60_000);

try {
  const result = await runChaos({
    clusters,
    seed: options.seed,
    thorough: !options.short,
    stateDir: resolve(options.state),
    signal: AbortSignal.any([interrupted.signal, late]),
  });
  if (!result.ok) process.stderr.write(`Logs: ${resolve(options.state)}\n`);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exitCode = result.ok ? 0 : 1;
} catch (error) {
  const why = interrupted.signal.aborted
    ? 'interrupted'
    : late.aborted
      ? `not done within ${minutes} minutes`
      : messageOf(error);
  process.stderr.write(`The run ended early: ${why}\nLogs: ${resolve(options.state)}\n`);
  process.stdout.write(`${JSON.stringify({ ok: false, error: why, seed: options.seed })}\n`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}
