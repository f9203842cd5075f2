/** Queries the workflows; when Temporal is unavailable or has none, reads the resources of the management cluster. */
import type { Client } from '@temporalio/client';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { CertmanError } from '../../failures/failure.ts';
import { PayloadError } from '../../payloads/payload-error.ts';
import type { ClusterName } from '../arguments.ts';
import { note } from '../output.ts';
import { isUnavailable, withTemporal } from '../temporal-client.ts';
import { clusterFromTemporal, fleetFromTemporal } from './from-temporal.ts';
import type { ClusterReport, FleetReport } from './status-view.ts';

const CRD_CHECK_TIMEOUT_MS = 3_000;

/** Every cluster and standalone CertificateRequest. @param resourcesOnly as if Temporal were unavailable. */
export async function readFleet(resourcesOnly: boolean): Promise<FleetReport> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const crdCheck = new CrdCheck();
  const report = await temporalElseKubernetes(
    resourcesOnly,
    () => withTemporal(crdCheck.beside((client) => fleetFromTemporal(client, managementCluster))),
    ({ withKubernetes, fleetFromKubernetes }) => withKubernetes(fleetFromKubernetes),
  );
  return { ...report, problem: await crdCheck.problem() };
}

/** One of them with its certificates. @throws CertmanError `kubernetes/notFound` */
export async function readCluster(name: ClusterName, resourcesOnly: boolean): Promise<ClusterReport> {
  const settings = loadSettings(process.env, ['managementCluster', 'extraRecord', 'standaloneRequests']);
  const crdCheck = new CrdCheck();
  const report = await temporalElseKubernetes(
    resourcesOnly,
    () => withTemporal(crdCheck.beside((client) => clusterFromTemporal(client, settings.managementCluster, name))),
    ({ withKubernetes, clusterFromKubernetes }) =>
      withKubernetes((kubernetes) => clusterFromKubernetes(kubernetes, settings, name)),
  );
  if (report !== undefined) return { ...report, problem: await crdCheck.problem() };
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is no ClusterDeployment or CertificateRequest ${name.namespace}/${name.name} on this management cluster.`,
    remedy: 'List those that are served with "certman status".',
  });
}

/** Checks the CRD once, at the same time as Temporal answers. */
class CrdCheck {
  #problem: Promise<string | undefined> | undefined;

  problem(): Promise<string | undefined> {
    this.#problem ??= findCrdProblem();
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
async function findCrdProblem(): Promise<string | undefined> {
  try {
    const { withKubernetes, missingRequestFields, outdatedCrdMessage } = await importKubernetes();
    const signal = AbortSignal.timeout(CRD_CHECK_TIMEOUT_MS);
    const missing = await withKubernetes((kubernetes) => missingRequestFields(kubernetes, signal));
    return missing === undefined || missing.length === 0 ? undefined : outdatedCrdMessage(missing);
  } catch {
    return undefined;
  }
}

async function importKubernetes() {
  const [client, schema, reports] = await Promise.all([
    import('../kubernetes-client.ts'),
    import('../../kubernetes/objects/request-schema.ts'),
    import('./from-kubernetes.ts'),
  ]);
  return { ...client, ...schema, ...reports };
}

async function temporalElseKubernetes<Report>(
  resourcesOnly: boolean,
  fromTemporal: () => Promise<Report>,
  read: (kubernetes: Awaited<ReturnType<typeof importKubernetes>>) => Promise<Report>,
): Promise<Report> {
  const fromKubernetes = async (): Promise<Report> => await read(await importKubernetes());
  if (resourcesOnly) return await fromKubernetes();
  try {
    return (await fromTemporal()) ?? (await fromKubernetes());
  } catch (error) {
    if (!isUnavailable(error) && !(error instanceof PayloadError)) throw error;
    const message = error instanceof Error ? error.message : 'Temporal does not respond.';
    note(`${message} Showing the resources of the management cluster.`);
    return await fromKubernetes();
  }
}
