/** Temporal as people run it: the server's own program with its four services, its store and visibility in PostgreSQL. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { msToTs } from '@temporalio/common/lib/time.js';
import { connect } from '../../../src/temporal/connect.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';
import { executable } from '../build/executables.ts';
import { LocalStackError, messageOf } from '../local-stack-error.ts';
import { TEMPORAL_RETENTION_DAYS } from '../versions.ts';
import { temporalServerConfiguration, temporalServerDynamicConfiguration } from './flags.ts';
import { type Part, type PartContext, startPart } from './part.ts';
import type { Postgres } from './postgres.ts';
import type { Temporal } from './temporal.ts';

/** As in deploy/base/worker-settings.yaml. The server has no namespace from the start. */
const NAMESPACE = 'certman';
const STORES = { temporal: 'postgresql/v12/temporal', temporal_visibility: 'postgresql/v12/visibility' } as const;
const SCHEMA_TIMEOUT_MS = 180_000;

/** Creates the schemas, starts the server and creates the namespace. @throws LocalStackError */
export async function startTemporalServer(
  context: PartContext,
  postgres: Pick<Postgres, 'port' | 'user'>,
): Promise<Temporal> {
  for (const [database, schema] of Object.entries(STORES)) await createSchema(postgres, database, schema);
  const folder = join(context.stateDir, 'temporal-server');
  const part: Part & { readonly ports: Readonly<Record<'frontend' | 'metrics', number>> } = await startPart(
    {
      name: 'temporal',
      ports: [
        ...(['frontend', 'history', 'matching', 'worker'] as const),
        ...(['frontendMembership', 'historyMembership', 'matchingMembership', 'workerMembership'] as const),
        'metrics',
      ],
      launch: async (ports) => {
        await mkdir(folder, { recursive: true });
        const dynamic = join(folder, 'dynamic.yaml');
        const configuration = temporalServerConfiguration({
          ports,
          postgresPort: postgres.port,
          postgresUser: postgres.user,
          dynamicConfigurationFile: dynamic,
        });
        // JSON is YAML.
        await writeFile(join(folder, 'server.yaml'), JSON.stringify(configuration, undefined, 2));
        await writeFile(dynamic, JSON.stringify(temporalServerDynamicConfiguration(), undefined, 2));
        return {
          command: await executable('temporal-server'),
          args: [`--root=${folder}`, '--config=.', '--env=server', '--allow-no-auth', 'start'],
        };
      },
      isReady: async ({ frontend }) => {
        await createNamespace(`127.0.0.1:${frontend}`);
        return true;
      },
    },
    context,
  );
  return Object.assign(part, {
    address: `127.0.0.1:${part.ports.frontend}`,
    namespace: NAMESPACE,
    uiUrl: '',
    metricsUrl: `http://127.0.0.1:${part.ports.metrics}/metrics`,
  });
}

async function createSchema({ port, user }: Pick<Postgres, 'port' | 'user'>, database: string, schema: string) {
  const tool = await executable('temporal-sql-tool');
  const at = ['--plugin', 'postgres12', '--ep', '127.0.0.1', '-p', String(port), '-u', user, '--db', database];
  const steps = [['create'], ['setup-schema', '-v', '0.0'], ['update-schema', '--schema-name', schema]];
  for (const step of steps) {
    try {
      await promisify(execFile)(tool, [...at, ...step], { timeout: SCHEMA_TIMEOUT_MS });
    } catch (cause) {
      throw new LocalStackError({ message: `temporal-sql-tool ${step.join(' ')} failed: ${messageOf(cause)}`, cause });
    }
  }
}

/** @throws until every service knows the namespace. */
async function createNamespace(address: string): Promise<void> {
  const connection = await connect({ address, connectTimeout: '5s' });
  try {
    await connection.withDeadline(Date.now() + 10_000, async () => {
      const { workflowService } = connection;
      try {
        await workflowService.registerNamespace({
          namespace: NAMESPACE,
          workflowExecutionRetentionPeriod: msToTs(`${TEMPORAL_RETENTION_DAYS}d`),
        });
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === GRPC_STATUS.ALREADY_EXISTS)) throw error;
      }
      await workflowService.countWorkflowExecutions({ namespace: NAMESPACE });
    });
  } finally {
    await connection.close();
  }
}
