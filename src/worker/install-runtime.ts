import { Runtime } from '@temporalio/worker';
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
