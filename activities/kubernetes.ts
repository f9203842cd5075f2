/** Activities on the management cluster's API server. What each does is said in activities/contract.ts. */
import { Context } from '@temporalio/activity';
import type { BundleView, ClusterView } from '../src/clusters/cluster-view.ts';
import type { DecommissionRules, KubernetesActivities, RequestObservation } from '../src/contract/activities.ts';
import { CertmanError } from '../src/failures/failure.ts';
import { addClusterDeploymentFinalizer, removeFinalizer } from '../src/kubernetes/api/finalizers.ts';
import { type KubernetesApi, type ObjectMeta, type ResourceType } from '../src/kubernetes/api/kubernetes-api.ts';
import { renewBeforeDaysOf, requestOwnershipOf } from '../src/kubernetes/objects/certificate-request.ts';
import { ClusterDeploymentStatusWriter } from '../src/kubernetes/objects/cluster-deployment-status-writer.ts';
import { deleteBundleObjects } from '../src/kubernetes/objects/delete-bundle-objects.ts';
import { ensureCertificateRequest } from '../src/kubernetes/objects/ensure-request.ts';
import { recordEvent } from '../src/kubernetes/objects/events.ts';
import { createOperatorSettings, type OperatorSettings } from '../src/kubernetes/objects/operator-settings.ts';
import { isStandalone, primaryResource } from '../src/kubernetes/objects/primary-resource.ts';
import { RequestStatusWriter } from '../src/kubernetes/objects/request-status-writer.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../src/kubernetes/objects/resources.ts';
import { adoptSecret } from '../src/kubernetes/objects/secret-ownership.ts';
import { readTlsSecret } from '../src/kubernetes/objects/secrets.ts';
import { addStandaloneFinalizer, requireExclusiveSecret } from '../src/kubernetes/objects/standalone-finalizer.ts';
import { observationOf } from '../src/kubernetes/objects/tls-secret-data.ts';
import { wrapActivity } from './wrap-activity.ts';

export interface KubernetesActivityDeps {
  readonly kubernetes: KubernetesApi;
  readonly operatorNamespace: string;
  /** Shared with the other activities of the process, so that the ConfigMap is read once; made here when absent. */
  readonly settings?: OperatorSettings;
  /** Host of the directory that an order would go to now; undefined while there is no usable account. */
  readonly caHost?: () => Promise<string | undefined>;
  readonly decommission?: DecommissionRules;
}

/** A day, within which people can put right what is in the way; then Hive may go on. */
export const DEFAULT_DECOMMISSION_RULES: DecommissionRules = { policy: 'release', limitMs: 24 * 3_600_000 };

export function createKubernetesActivities(deps: KubernetesActivityDeps): KubernetesActivities {
  const { kubernetes } = deps;
  const settings = deps.settings ?? createOperatorSettings(deps);
  const requestStatus = new RequestStatusWriter(kubernetes);
  const clusterStatus = new ClusterDeploymentStatusWriter(kubernetes);

  /** The bundle's CertificateRequest, held by our finalizer: the user's own, or the one that is made for the cluster. */
  const requestOf = async (cluster: ClusterView, bundle: BundleView, signal: AbortSignal) => {
    const { identity } = cluster;
    if (isStandalone(identity)) return await addStandaloneFinalizer(kubernetes, identity, signal);
    const email = await settings.notificationEmail();
    // Whatever the view says of the finalizer: somebody may have taken it off since it was made.
    clusterStatus.cache(await addClusterDeploymentFinalizer(kubernetes, identity, signal));
    return await ensureCertificateRequest(kubernetes, cluster, bundle, email, signal);
  };

  return {
    applyCertificateRequest: wrapActivity(async ({ cluster, bundle }) => {
      const signal = Context.current().cancellationSignal;
      const { namespace } = cluster.identity;
      const request = await requestOf(cluster, bundle, signal);
      requestStatus.cache(request);
      const { name, uid = '' } = request.metadata;
      if (bundle.secretName === '') throw missingSecretName(namespace, name);
      const secret = await readTlsSecret(kubernetes, { namespace, name: bundle.secretName }, signal);
      if (secret.kind === 'broken' && !secret.replaceable) {
        throw new CertmanError({
          code: 'kubernetes/secretBroken',
          message: `The certificate cannot be put where it belongs: ${secret.message}`,
          remedy: 'Delete that Secret, or name another; nothing is ordered before that.',
        });
      }
      if (secret.kind !== 'missing') await adoptSecret(kubernetes, secret.metadata, { namespace, name, uid }, signal);
      else if (isStandalone(cluster.identity))
        await requireExclusiveSecret(kubernetes, request, bundle.secretName, signal);
      const renewBeforeDays = renewBeforeDaysOf(request);
      const caHost = await deps.caHost?.();
      const observation: RequestObservation = {
        request: { namespace, name, uid },
        ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
        secret: observationOf(secret),
        ...(caHost === undefined ? {} : { caHost }),
      };
      return observation;
    }),

    reportStatus: wrapActivity(async ({ cluster, report }) => {
      const signal = Context.current().cancellationSignal;
      const { namespace } = cluster;
      const say = async (resource: ResourceType, name: string, uid: string) => {
        if (report.event !== undefined)
          await recordEvent(kubernetes, { resource, namespace, name, uid }, report.event, signal);
      };
      const isOurs = (metadata: ObjectMeta) =>
        isStandalone(cluster) ? metadata.uid === cluster.uid : requestOwnershipOf(metadata, cluster).kind !== 'other';
      const onRequest = async (): Promise<void> => {
        const request = await requestStatus.write(namespace, report, isOurs, signal);
        if (request?.uid !== undefined) await say(CERTIFICATE_REQUESTS, request.name, request.uid);
      };
      if (isStandalone(cluster)) return await onRequest();
      const bundle = { name: report.bundleName, generated: report.certificate !== undefined };
      await allOf([
        onRequest(),
        clusterStatus.write(cluster, bundle, signal),
        say(CLUSTER_DEPLOYMENTS, cluster.name, cluster.uid),
      ]);
    }),

    removeBundle: wrapActivity(async (input) => {
      const signal = Context.current().cancellationSignal;
      return { removed: await deleteBundleObjects(kubernetes, input, signal) };
    }),

    removeFinalizer: wrapActivity(async (cluster, left = []) => {
      const signal = Context.current().cancellationSignal;
      const { namespace, name, uid } = cluster;
      const resource = primaryResource(cluster);
      const found = await kubernetes.get(resource, { namespace, name }, signal);
      if (found?.metadata.uid !== uid) return 'absent';
      // A user's request that lives is not let go, whatever made its workflow end.
      if (isStandalone(cluster) && found.metadata.deletionTimestamp === undefined) return 'kept';
      for (const failure of left) {
        const message = `The finalizer is released although this could not be done: ${failure.message}`;
        const event = { type: 'Warning', reason: 'DecommissionIncomplete', message } as const;
        await recordEvent(kubernetes, { resource, namespace, name, uid }, event, signal);
      }
      return (await removeFinalizer(kubernetes, resource, found, signal)) ? 'released' : 'absent';
    }),

    decommissionRules: wrapActivity(() => Promise.resolve(deps.decommission ?? DEFAULT_DECOMMISSION_RULES)),
  };
}

function missingSecretName(namespace: string, request: string): CertmanError {
  return new CertmanError({
    code: 'configuration/invalid',
    message: `CertificateRequest ${namespace}/${request} names no Secret that there can be: spec.certificateSecret.name is missing or is no name of an object.`,
    remedy: 'Correct it: lower case letters, digits, hyphens and dots. It goes on by itself then.',
  });
}

/** Waits for all, so that nothing goes on behind the activity's back, then throws the first refusal. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
