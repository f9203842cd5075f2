/** Queries the workflows; when Temporal is unavailable or has none, reads the resources of the management cluster. */
import type { Client } from '@temporalio/client';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { CertmanError } from '../../failures/failure.ts';
import { PayloadError } from '../../payloads/payload-error.ts';
import type { ClusterName } from '../arguments.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { assertSameManagementCluster } from '../management-cluster.ts';
import { commandLine } from '../program-name.ts';
import { describeSelection, type Selection } from '../selection.ts';
import { isUnavailable, unavailableMessage, withTemporal } from '../temporal-client.ts';
import { askApiServer } from './ask-api-server.ts';
import { attentionFromTemporal, clusterFromTemporal, fleetFromTemporal } from './from-temporal.ts';
import type { ClusterReport, FleetReport, ServedRow } from './status-view.ts';
import { withLabels } from './with-labels.ts';

/** How a status is read. */
export interface StatusSource extends KubeConnection {
  /** As if Temporal were unavailable. */
  readonly kubernetes?: true;
}

/**
 * The clusters and standalone CertificateRequests that are served: all, or those of a selection.
 * @param atRest whether those of a large fleet that need no attention are left out where Temporal can count them.
 */
export async function readFleet(
  selection: Selection,
  source: StatusSource,
  atRest: 'listed' | 'counted' = 'listed',
): Promise<FleetReport> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const { namespace } = selection;
  // Only the API server knows labels: which of the others have them cannot be counted.
  const isCounted = atRest === 'counted' && selection.selector === undefined;
  const list = isCounted ? attentionFromTemporal : fleetFromTemporal;
  const crdCheck = new CrdCheck(source);
  const report = await temporalElseKubernetes(
    source,
    () =>
      withTemporal(
        crdCheck.beside(async (client) => {
          await assertSameManagementCluster(client, managementCluster, source);
          return await list(client, managementCluster, namespace);
        }),
      ),
    ({ withKubernetes, fleetFromKubernetes }) =>
      withKubernetes((kubernetes) => fleetFromKubernetes(kubernetes, namespace), source),
  );
  const clusters =
    selection.selector === undefined ? report.clusters : await withLabels(report.clusters, selection, source);
  const problem = await crdCheck.problem();
  return { ...report, among: describeSelection(selection), clusters, problem };
}

/** One of them with its certificates. @throws CertmanError `kubernetes/notFound` */
export async function readCluster(name: ClusterName, source: StatusSource): Promise<ClusterReport> {
  const report = await findCluster(name, source);
  if (report !== undefined) return report;
  const text = `${name.namespace}/${name.name}`;
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is no ClusterDeployment or CertificateRequest ${text} on this management cluster.`,
    remedy: `Where it was looked for, and what has its name elsewhere: ${commandLine(`explain ${text}`)}. Those that are served: ${commandLine('status')}`,
  });
}

/** The same. @returns undefined when there is none. */
export async function findCluster(name: ClusterName, source: StatusSource): Promise<ClusterReport | undefined> {
  const settings = loadSettings(process.env, ['managementCluster', 'extraRecord', 'standaloneRequests']);
  const { managementCluster } = settings;
  const crdCheck = new CrdCheck(source);
  let served: ReturnType<typeof findServed> | undefined;
  const report = await temporalElseKubernetes(
    source,
    () =>
      withTemporal(
        crdCheck.beside(async (client) => {
          served = findServed(name, source);
          await assertSameManagementCluster(client, managementCluster, source);
          return await clusterFromTemporal(client, managementCluster, name);
        }),
      ),
    ({ withKubernetes, clusterFromKubernetes }) =>
      withKubernetes((kubernetes) => clusterFromKubernetes(kubernetes, settings, name), source),
  );
  if (report === undefined) return undefined;
  const { withServed } = await import('./read-served.ts');
  return { ...withServed(report, (await served) ?? new Map()), problem: await crdCheck.problem() };
}

/** Checks the CRD once, at the same time as Temporal answers. */
class CrdCheck {
  readonly #connection: KubeConnection;
  #problem: Promise<string | undefined> | undefined;

  constructor(connection: KubeConnection) {
    this.#connection = connection;
  }

  problem(): Promise<string | undefined> {
    this.#problem ??= findCrdProblem(this.#connection);
    return this.#problem;
  }

  /**
   * Starts it with the work, and so not before the connection: to load client-node takes longer than Temporal needs for its
   * first page, but it blocks the event loop, and the connection has a time limit.
   */
  beside<Result>(work: (client: Client) => Promise<Result>): (client: Client) => Promise<Result> {
    return (client) => {
      void this.problem();
      return work(client);
    };
  }
}

/** @returns undefined also when the API server does not answer, or there is no kubeconfig: Temporal has the rest. */
async function findCrdProblem(connection: KubeConnection): Promise<string | undefined> {
  return await askApiServer(async (kubernetes, signal) => {
    const { missingRequestFields, outdatedCrdMessage } = await importKubernetes();
    const missing = await missingRequestFields(kubernetes, signal);
    return missing === undefined || missing.length === 0 ? undefined : outdatedCrdMessage(missing);
  }, connection);
}

/** The same of what the cluster serves. */
async function findServed(
  { namespace }: ClusterName,
  connection: KubeConnection,
): Promise<ReadonlyMap<string, ServedRow> | undefined> {
  return await askApiServer(async (kubernetes, signal) => {
    const { readServed } = await import('./read-served.ts');
    return await readServed(kubernetes.withSignal(signal), namespace);
  }, connection);
}

async function importKubernetes() {
  const [client, schema, reports] = await Promise.all([
    import('../kubernetes-client.ts'),
    import('../../kubernetes/objects/request-schema.ts'),
    import('./from-kubernetes.ts'),
  ]);
  return { ...client, ...schema, ...reports };
}

async function temporalElseKubernetes<Report extends object | undefined>(
  source: StatusSource,
  fromTemporal: () => Promise<Report>,
  read: (kubernetes: Awaited<ReturnType<typeof importKubernetes>>) => Promise<Report>,
): Promise<Report> {
  const fromKubernetes = async (): Promise<Report> => await read(await importKubernetes());
  if (source.kubernetes === true) return await fromKubernetes();
  try {
    return (await fromTemporal()) ?? (await fromKubernetes());
  } catch (error) {
    const isUnreadable = error instanceof PayloadError;
    if (!isUnavailable(error) && !isUnreadable) throw error;
    const unavailable = isUnreadable ? error.message : unavailableMessage(error);
    const report = await fromKubernetes().catch((failure: unknown) => {
      throw neitherFailure(error, unavailable, failure);
    });
    return report && { ...report, unavailable };
  }
}

/** The failure of the second source, which says why it was asked. */
function neitherFailure(first: unknown, unavailable: string, failure: unknown): unknown {
  if (!(failure instanceof CertmanError)) return failure;
  const { code, message, remedy, notBefore } = failure.info;
  const both = `${unavailable} The resources of the management cluster cannot be shown either: ${message}`;
  const remedies = [first instanceof CertmanError && first.info.remedy, remedy].filter(Boolean).join('\n');
  return new CertmanError({ code, message: both, remedy: remedies || undefined, notBefore, cause: failure });
}
