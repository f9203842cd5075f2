import { resolve } from 'node:path';
import { msToTs } from '@temporalio/common/lib/time.js';
import { connect } from '../../../src/temporal/connect.ts';
import { executable } from '../build/executables.ts';
import { TEMPORAL_NAMESPACE, TEMPORAL_RETENTION_DAYS } from '../versions.ts';
import { temporalFlags } from './flags.ts';
import { type Part, type PartContext, startPart } from './part.ts';

/** The Temporal of a stack. */
export interface TemporalOptions {
  /**
   * `sqlite`: the development server. `postgres`: the server and the settings of production, with the namespace `certman`
   * and without a Web UI; needs PostgreSQL on the machine. Default `sqlite`.
   */
  readonly store?: 'sqlite' | 'postgres';
  /** File of the development server's store, relative to the state folder. Default: in memory. */
  readonly dbFilename?: string;
  /**
   * The development server keeps search attributes in memory, as a server of production does: it knows new ones some seconds
   * later, and does not read its metadata again for each workflow of a list.
   */
  readonly cachesSearchAttributes?: true;
}

/** Addresses of the server. */
export interface TemporalEndpoints {
  /** `host:port` of the frontend. */
  readonly address: string;
  readonly namespace: string;
  /** Empty where there is none. */
  readonly uiUrl: string;
}

/** A running server. */
export interface Temporal extends Part, TemporalEndpoints {
  /** Prometheus metrics of the server. */
  readonly metricsUrl: string;
}

/** Starts Temporal's development server, with the Web UI. */
export async function startTemporal(context: PartContext, options: TemporalOptions = {}): Promise<Temporal> {
  const { dbFilename, cachesSearchAttributes } = options;
  const part = await startPart(
    {
      name: 'temporal',
      ports: ['port', 'uiPort', 'metricsPort'],
      launch: async (ports) => ({
        command: await executable('temporal'),
        args: temporalFlags({
          host: '127.0.0.1',
          ...ports,
          ...(dbFilename === undefined ? {} : { dbFilename: resolve(context.stateDir, dbFilename) }),
          ...(cachesSearchAttributes === undefined ? {} : { cachesSearchAttributes }),
        }),
      }),
      isReady: async ({ port }) => {
        await setWorkflowRetention(`127.0.0.1:${port}`);
        return true;
      },
    },
    context,
  );
  return Object.assign(part, {
    address: `127.0.0.1:${part.ports.port}`,
    namespace: TEMPORAL_NAMESPACE,
    uiUrl: `http://127.0.0.1:${part.ports.uiPort}`,
    metricsUrl: `http://127.0.0.1:${part.ports.metricsPort}/metrics`,
  });
}

/** Sets the namespace's retention, a day by default, to what the worker needs. @throws until the namespace exists. */
export async function setWorkflowRetention(address: string): Promise<void> {
  const connection = await connect({ address, connectTimeout: '5s' });
  try {
    await connection.withDeadline(Date.now() + 10_000, () =>
      connection.workflowService.updateNamespace({
        namespace: TEMPORAL_NAMESPACE,
        config: { workflowExecutionRetentionTtl: msToTs(`${TEMPORAL_RETENTION_DAYS}d`) },
      }),
    );
  } finally {
    await connection.close();
  }
}
