import { Command } from 'commander';
import { unknownSettings } from '../../configuration/describe-settings.ts';
import { loadConfiguration } from '../../configuration/load-configuration.ts';
import { CertmanError } from '../../failures/failure.ts';
import { createLogger } from '../../observability/logging.ts';
import { VERSION } from '../../version.ts';
import { unknownSettingText } from './config.ts';

/** `certman worker`: runs a worker until SIGTERM. Every pod runs this command. */
export function workerCommand(): Command {
  return new Command('worker')
    .summary('run a worker')
    .description(
      'Runs a worker of the workflows until SIGTERM. One of all workers runs the controller, which watches the management cluster.\n' +
        'Environment variables configure it: see "certman config".',
    )
    .action(run);
}

async function run(): Promise<void> {
  const configuration = loadConfiguration(process.env);
  const { managementCluster, shutdownGraceMs } = configuration;
  const logger = createLogger(configuration);
  for (const { name, meant } of unknownSettings(process.env)) logger.warn(unknownSettingText(name, meant));
  logger.info({ version: VERSION, managementCluster, node: process.version }, 'certman worker');

  const shutdown = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    // A second signal ends the process without the grace period.
    if (shutdown.signal.aborted) process.exit(1);
    logger.info({ signal, grace: `${shutdownGraceMs / 1000} s` }, 'shutting down');
    shutdown.abort();
  };
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, onSignal);
  const { runWorker } = await import('../../worker/run-worker.ts');
  try {
    await runWorker(configuration, logger, shutdown.signal);
  } catch (error) {
    // Stopped while it was still waiting for Temporal.
    if (shutdown.signal.aborted && error instanceof Error && error.name === 'AbortError') return;
    if (!shutdown.signal.aborted) {
      const record =
        error instanceof CertmanError
          ? { code: error.code, problem: error.message, remedy: error.info.remedy }
          : { error };
      logger.fatal(record, 'the worker failed');
    }
    throw error;
  }
}
