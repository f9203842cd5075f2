import type { Client } from '@temporalio/client';
import { loadTemporal } from '../../configuration/load-configuration.ts';
import { GRPC_STATUS, grpcCodeOf } from '../../temporal/grpc-status.ts';
import { MIN_RETENTION_DAYS, missingNamespace } from '../../temporal/namespace.ts';
import { missingSearchAttributes, registerCommand, retentionDays } from '../../worker/namespace-setup.ts';
import type { OpenTemporal } from '../temporal-client.ts';
import { Check, CheckFailure, passed, warning } from './check.ts';
import type { DoctorContext } from './doctor-context.ts';

const GROUP = 'Temporal';

/** Of 1.31.0 and later, priorities are on without a setting (docs/decisions/priorities.md). */
const PRIORITIES_SINCE = [1, 31] as const;
/** Tasks without a priority have this one. */
const DEFAULT_PRIORITY = '3';

/** What the checks of Temporal find for others. */
export interface TemporalChecks {
  readonly all: readonly Check<unknown>[];
  readonly connection: Check<OpenTemporal & { readonly serverVersion: string }>;
  readonly namespace: Check<void>;
}

/** Temporal itself: connection, namespace, retention, search attributes. */
export function temporalChecks({ preInstall, onClose, openTemporal }: DoctorContext): TemporalChecks {
  const connection = new Check({
    id: 'temporal-reachable',
    group: GROUP,
    title: 'Temporal is reachable',
    run: async (_signal, timeoutMs) => {
      // Before the check itself is over: its own failure says which setting to check.
      const opened = await openTemporal(0.8 * timeoutMs);
      onClose(() => opened.connection.close());
      const { serverVersion } = await opened.connection.workflowService.getSystemInfo({});
      const { address } = loadTemporal(process.env);
      return passed(`version ${serverVersion} at ${address}`, { ...opened, serverVersion });
    },
  });
  const namespace = new Check({
    id: 'temporal-namespace',
    group: GROUP,
    title: 'its namespace exists',
    needs: [connection],
    run: async () => {
      const { client } = connection.value;
      await client.connection.workflowService.describeNamespace({ namespace: namespaceOf(client) }).catch((error) => {
        // A server answers this request from its store: here NOT_FOUND says that there is none.
        throw grpcCodeOf(error) === GRPC_STATUS.NOT_FOUND ? missingNamespace(namespaceOf(client), error) : error;
      });
      return passed(namespaceOf(client));
    },
  });
  const retention = new Check({
    id: 'temporal-retention',
    group: GROUP,
    title: `it keeps what has ended for ${MIN_RETENTION_DAYS} days at least`,
    needs: [namespace],
    run: async () => {
      const { client } = connection.value;
      const days = await retentionDays(client.connection, namespaceOf(client));
      if (days >= MIN_RETENTION_DAYS) return passed(`${Math.floor(days)} days`);
      throw new CheckFailure(
        `It keeps closed executions for ${Math.round(days * 10) / 10} days: certman's counts of a week, and the history of certificates, are in them.`,
        `temporal operator namespace update --namespace ${namespaceOf(client)} --retention ${MIN_RETENTION_DAYS}d`,
      );
    },
  });
  const searchAttributes = new Check({
    id: 'temporal-search-attributes',
    group: GROUP,
    title: 'it has the search attributes of certificates',
    needs: [namespace],
    run: async () => {
      const { client } = connection.value;
      const missing = await missingSearchAttributes(client.connection, namespaceOf(client));
      if (missing === undefined)
        return warning(
          'They cannot be listed: this client has no right to.',
          'A worker says at its start what it lacks.',
        );
      if (missing.length === 0) return passed('all of them');
      const names = missing.map(({ name }) => name).join(', ');
      const command = registerCommand(namespaceOf(client), missing);
      if (preInstall)
        return warning(
          `It lacks ${names}: the first worker registers them, where it may.`,
          `Where it may not: ${command}`,
        );
      throw new CheckFailure(`It lacks ${names}: clusters cannot be listed, and no workflow can start.`, command);
    },
  });
  return { all: [connection, namespace, retention, searchAttributes], connection, namespace };
}

/** Whether tasks have priorities. @param used priorities of tasks that the task queue has had. */
export function priorityFinding(serverVersion: string, used: readonly string[]) {
  const [major = 0, minor = 0] = serverVersion.split('.').map(Number);
  if (used.some((priority) => priority !== DEFAULT_PRIORITY)) return passed('the task queue has had tasks of several');
  const [sinceMajor, sinceMinor] = PRIORITIES_SINCE;
  if (major > sinceMajor || (major === sinceMajor && minor >= sinceMinor))
    return passed(`version ${serverVersion} does`);
  return warning(
    `Version ${serverVersion} serves tasks by priority only with matching.useNewMatcher in its dynamic configuration, which no request shows. Without it, all is served in the order of arrival.`,
    'Set matching.useNewMatcher to true. Once tasks have waited with it, this check sees that.',
  );
}

/** The namespace of a client. */
export function namespaceOf(client: Client): string {
  return client.options.namespace;
}
