/** `certman worker`: the one kind of process. */
import { Command } from 'commander';
import { unknownSettings } from '../../configuration/describe-settings.ts';
import { loadConfiguration } from '../../configuration/load-configuration.ts';
import { CertmanError } from '../../failures/failure.ts';
import { createLogger } from '../../observability/logging.ts';
import { VERSION } from '../../version.ts';
import { unknownSettingText } from './config.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

export function workerCommand(): Command {
  return new Command('worker')
    .summary('run a worker')
    .description(
      'Runs a worker until SIGTERM: it does the work of the workflows, and one worker of all watches the hub.\n' +
        'Everything is set by environment variables: see "certman config".',
    )
    .action(run);
}

async function run(): Promise<void> {
  const configuration = loadConfiguration(process.env);
  const logger = createLogger({ level: configuration.logLevel, format: configuration.logFormat });
  for (const { name, meant } of unknownSettings(process.env)) logger.warn(unknownSettingText(name, meant));
  logger.info(
    { version: VERSION, managementCluster: configuration.managementCluster, node: process.version },
    'certman worker',
  );

  const ending = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    // Asked twice: whoever asks does not want to wait for the grace.
    if (ending.signal.aborted) process.exit(1);
    logger.info({ signal, grace: `${configuration.shutdownGraceMs / 1000} s` }, 'shutting down');
    ending.abort();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  const { runWorker } = await import('../../worker/run-worker.ts');
  try {
    await runWorker(configuration, logger, ending.signal);
  } catch (error) {
    if (!ending.signal.aborted) {
      const record =
        error instanceof CertmanError
          ? { code: error.code, problem: error.message, next: error.info.remedy }
          : { error };
      logger.fatal(record, 'the worker cannot go on');
      throw error;
    }
    // Ended while it was still waiting for Temporal.
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}
