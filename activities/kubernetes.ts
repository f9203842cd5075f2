/** Activities on the management cluster's API server. What each does is said in activities/contract.ts. */
import { Context } from '@temporalio/activity';
import type { BundleView, ClusterView } from '../src/clusters/cluster-view.ts';
import { CertmanError } from '../src/failures/failure.ts';
import { ownershipOf, renewBeforeDaysOf } from '../src/kubernetes/certificate-request.ts';
import { observationOf } from '../src/kubernetes/certificate-secret.ts';
import { ClusterStatusWriter } from '../src/kubernetes/cluster-status.ts';
import { ensureCertificateRequest } from '../src/kubernetes/ensure-request.ts';
import { sayEvent } from '../src/kubernetes/events.ts';
import { holdClusterDeployment, releaseFinalizer } from '../src/kubernetes/finalizers.ts';
import { holdStandaloneRequest, refuseSharedSecret } from '../src/kubernetes/hold-standalone.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  type KubernetesApi,
  type ObjectMeta,
  type ResourceType,
} from '../src/kubernetes/kubernetes-api.ts';
import { createOperatorSettings, type OperatorSettings } from '../src/kubernetes/operator-settings.ts';
import { removeBundleObjects } from '../src/kubernetes/remove-bundle.ts';
import { tieSecret } from '../src/kubernetes/secret-tie.ts';
import { readTlsSecret } from '../src/kubernetes/secrets.ts';
import { servedResource, standsAlone } from '../src/kubernetes/served-resource.ts';
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

  /** The bundle's CertificateRequest, held by our finalizer: the user's own, or the one that is made for the cluster. */
  const requestOf = async (cluster: ClusterView, bundle: BundleView, signal: AbortSignal) => {
    const { identity } = cluster;
    if (standsAlone(identity)) return await holdStandaloneRequest(kubernetes, identity, signal);
    const email = await settings.notificationEmail();
    // Whatever the view says of the finalizer: somebody may have taken it off since it was made.
    clusterStatus.saw(await holdClusterDeployment(kubernetes, identity, signal));
    return await ensureCertificateRequest(kubernetes, cluster, bundle, email, signal);
  };

  return {
    applyCertificateRequest: withBoundary(async ({ cluster, bundle }) => {
      const signal = Context.current().cancellationSignal;
      const { namespace } = cluster.identity;
      const request = await requestOf(cluster, bundle, signal);
      requestStatus.saw(request);
      const { name, uid = '' } = request.metadata;
      if (bundle.secretName === '') throw namesNoSecret(namespace, name);
      const secret = await readTlsSecret(kubernetes, { namespace, name: bundle.secretName }, signal);
      if (secret.kind === 'broken' && !secret.replaceable) {
        throw new CertmanError({
          code: 'kubernetes/secretBroken',
          message: `The certificate cannot be put where it belongs: ${secret.message}`,
          next: 'Delete that Secret, or name another; nothing is ordered before that.',
        });
      }
      if (secret.kind !== 'missing') await tieSecret(kubernetes, secret.metadata, { namespace, name, uid }, signal);
      else if (standsAlone(cluster.identity)) await refuseSharedSecret(kubernetes, request, bundle.secretName, signal);
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
      const say = async (resource: ResourceType, name: string, uid: string) => {
        if (report.event !== undefined)
          await sayEvent(kubernetes, { resource, namespace, name, uid }, report.event, signal);
      };
      const isOurs = (metadata: ObjectMeta) =>
        standsAlone(cluster) ? metadata.uid === cluster.uid : ownershipOf(metadata, cluster).kind !== 'other';
      const onRequest = async (): Promise<void> => {
        const request = await requestStatus.write(namespace, report, isOurs, signal);
        if (request?.uid !== undefined) await say(CERTIFICATE_REQUESTS, request.name, request.uid);
      };
      if (standsAlone(cluster)) return await onRequest();
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
      const resource = servedResource(cluster);
      const found = await kubernetes.get(resource, { namespace, name }, signal);
      if (found?.metadata.uid !== uid) return 'absent';
      // A user's request that lives is not let go, whatever made its workflow end.
      if (standsAlone(cluster) && found.metadata.deletionTimestamp === undefined) return 'kept';
      for (const failure of left) {
        const message = `The finalizer is released although this could not be done: ${failure.message}`;
        const event = { type: 'Warning', reason: 'DecommissionIncomplete', message } as const;
        await sayEvent(kubernetes, { resource, namespace, name, uid }, event, signal);
      }
      return (await releaseFinalizer(kubernetes, resource, found, signal)) ? 'released' : 'absent';
    }),

    decommissionRules: withBoundary(() => Promise.resolve(deps.decommission ?? USUAL_DECOMMISSION)),
  };
}

function namesNoSecret(namespace: string, request: string): CertmanError {
  return new CertmanError({
    code: 'configuration/invalid',
    message: `CertificateRequest ${namespace}/${request} names no Secret that there can be: spec.certificateSecret.name is missing or is no name of an object.`,
    next: 'Correct it: lower case letters, digits, hyphens and dots. It goes on by itself then.',
  });
}

/** Waits for all, so that nothing goes on behind the activity's back, then throws the first refusal. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
