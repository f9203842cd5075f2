/** Activities on the management cluster's API server. What each does is said in activities/contract.ts. */
import { Context } from '@temporalio/activity';
import { CertmanError } from '../src/failures/failure.ts';
import { ownershipOf, renewBeforeDaysOf } from '../src/kubernetes/certificate-request.ts';
import { observationOf } from '../src/kubernetes/certificate-secret.ts';
import { ClusterStatusWriter } from '../src/kubernetes/cluster-status.ts';
import { ensureCertificateRequest } from '../src/kubernetes/ensure-request.ts';
import { sayEvent } from '../src/kubernetes/events.ts';
import { holdClusterDeployment, releaseFinalizer } from '../src/kubernetes/finalizers.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  type KubernetesApi,
  type ObjectMeta,
} from '../src/kubernetes/kubernetes-api.ts';
import { createOperatorSettings, type OperatorSettings } from '../src/kubernetes/operator-settings.ts';
import { removeBundleObjects } from '../src/kubernetes/remove-bundle.ts';
import { tieSecret } from '../src/kubernetes/secret-tie.ts';
import { readTlsSecret } from '../src/kubernetes/secrets.ts';
import { StatusWriter } from '../src/kubernetes/status-writer.ts';
import { withBoundary } from './boundary.ts';
import type { DecommissionRules, KubernetesActivities, RequestObservation } from './contract.ts';

export interface KubernetesActivityDeps {
  readonly kubernetes: KubernetesApi;
  readonly operatorNamespace: string;
  /** Shared with the other activities of the process, so that the ConfigMap is read once; made here when absent. */
  readonly settings?: OperatorSettings;
  /** Host of the directory that an order would go to now; undefined while there is no usable account. */
  readonly environment?: () => Promise<string | undefined>;
  readonly decommission?: DecommissionRules;
}

/** A day, within which people can put right what is in the way; then Hive may go on. */
export const USUAL_DECOMMISSION: DecommissionRules = { policy: 'release', limitMs: 24 * 3_600_000 };

export function createKubernetesActivities(deps: KubernetesActivityDeps): KubernetesActivities {
  const { kubernetes } = deps;
  const settings = deps.settings ?? createOperatorSettings(deps);
  const requestStatus = new StatusWriter(kubernetes);
  const clusterStatus = new ClusterStatusWriter(kubernetes);

  return {
    applyCertificateRequest: withBoundary(async ({ cluster, bundle }) => {
      const signal = Context.current().cancellationSignal;
      const { namespace } = cluster.identity;
      const email = await settings.notificationEmail();
      if (!cluster.finalizer) clusterStatus.saw(await holdClusterDeployment(kubernetes, cluster.identity, signal));
      const request = await ensureCertificateRequest(kubernetes, cluster, bundle, email, signal);
      requestStatus.saw(request);
      const { name, uid = '' } = request.metadata;
      const secret = await readTlsSecret(kubernetes, { namespace, name: bundle.secretName }, signal);
      if (secret.kind === 'broken' && !secret.replaceable) {
        throw new CertmanError({
          code: 'kubernetes/secretBroken',
          message: `The certificate cannot be put where it belongs: ${secret.message}`,
          next: 'Delete that Secret, or name another in the bundle; nothing is ordered before that.',
        });
      }
      if (secret.kind !== 'missing') await tieSecret(kubernetes, secret.metadata, { namespace, name, uid }, signal);
      const renewBeforeDays = renewBeforeDaysOf(request);
      const environment = await deps.environment?.();
      const observation: RequestObservation = {
        request: { namespace, name, uid },
        ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
        secret: observationOf(secret),
        ...(environment === undefined ? {} : { environment }),
      };
      return observation;
    }),

    reportStatus: withBoundary(async ({ cluster, report }) => {
      const signal = Context.current().cancellationSignal;
      const { namespace } = cluster;
      const say = async (
        resource: typeof CERTIFICATE_REQUESTS | typeof CLUSTER_DEPLOYMENTS,
        name: string,
        uid: string,
      ) => {
        if (report.event !== undefined)
          await sayEvent(kubernetes, { resource, namespace, name, uid }, report.event, signal);
      };
      const isOurs = (metadata: ObjectMeta) => ownershipOf(metadata, cluster).kind !== 'other';
      const onRequest = async (): Promise<void> => {
        const request = await requestStatus.write(namespace, report, isOurs, signal);
        if (request?.uid !== undefined) await say(CERTIFICATE_REQUESTS, request.name, request.uid);
      };
      const bundle = { name: report.bundleName, generated: report.certificate !== undefined };
      await allOf([
        onRequest(),
        clusterStatus.write(cluster, bundle, signal),
        say(CLUSTER_DEPLOYMENTS, cluster.name, cluster.uid),
      ]);
    }),

    removeBundle: withBoundary(async (input) => {
      const signal = Context.current().cancellationSignal;
      return { removed: await removeBundleObjects(kubernetes, input, signal) };
    }),

    releaseCluster: withBoundary(async (cluster, left = []) => {
      const signal = Context.current().cancellationSignal;
      const { namespace, name, uid } = cluster;
      const found = await kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace, name }, signal);
      if (found?.metadata.uid !== uid) return;
      for (const failure of left) {
        const message = `The finalizer is released although this could not be done: ${failure.message}`;
        const event = { type: 'Warning', reason: 'DecommissionIncomplete', message } as const;
        await sayEvent(kubernetes, { resource: CLUSTER_DEPLOYMENTS, namespace, name, uid }, event, signal);
      }
      await releaseFinalizer(kubernetes, CLUSTER_DEPLOYMENTS, found, signal);
    }),

    decommissionRules: withBoundary(() => Promise.resolve(deps.decommission ?? USUAL_DECOMMISSION)),
  };
}

/** Waits for all, so that nothing goes on behind the activity's back, then throws the first refusal. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
