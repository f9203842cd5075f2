import { Runtime, type Logger as SdkLogger } from '@temporalio/worker';
import type { Configuration } from '../configuration/load-configuration.ts';
import { formatHostAndPort } from '../dns/host-and-port.ts';
import { CertmanError } from '../failures/failure.ts';
import type { Logger } from '../observability/logging.ts';
import { createTemporalLogger, dropUnwrittenLevels } from '../observability/temporal-logger.ts';

/** Once per process, before the first connection. @throws CertmanError `configuration/invalid`: bad metrics address. */
export function installRuntime({ sdkMetricsAddress, logLevel }: Configuration, logger: Logger): void {
  const bindAddress = sdkMetricsAddress === 'off' ? undefined : formatHostAndPort(sdkMetricsAddress);
  try {
    const runtime = Runtime.install({
      logger: createTemporalLogger(logger),
      // `certman worker` handles signals itself.
      shutdownSignals: [],
      telemetryOptions: {
        logging: {
          filter: { core: logLevel === 'debug' || logLevel === 'trace' ? 'DEBUG' : 'WARN', other: 'ERROR' },
          forward: {},
        },
        metrics: bindAddress === undefined ? undefined : { prometheus: { bindAddress, useSecondsForDurations: true } },
      },
    });
    dropUnwrittenLevels(runtime.logger, logger);
    process.once('exit', () => writeCollected(runtime.logger));
  } catch (cause) {
    if (bindAddress === undefined) throw cause;
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `CERTMAN_SDK_METRICS_ADDRESS ${bindAddress} cannot be used (${cause instanceof Error ? cause.message : 'unknown error'}).`,
      remedy: 'Choose a free port of this machine, or "off".',
      cause,
    });
  }
}

/** The SDK's collector keeps each record for up to 200 ms, and writes the last ones only where its runtime is shut down. */
function writeCollected(collector: SdkLogger): void {
  if ('flush' in collector && typeof collector.flush === 'function') collector.flush();
}
