import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { ClusterRef, ObjectRef } from '../clusters/cluster-identity.ts';
import { type ClusterView, sameView } from '../clusters/cluster-view.ts';
import { requestClaimed } from '../contract/cluster-certificates.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { type ObservedRequest, observeRequest } from '../kubernetes/objects/observed-request.ts';
import { invalidPolicyMessage, renewalPolicyOf } from '../kubernetes/objects/renewal-policy-annotation.ts';
import { describeRequestChange, describeStatusChange, isSpecChanged } from '../kubernetes/objects/request-change.ts';
import { standaloneView } from '../kubernetes/objects/request-views.ts';
import type { ControllerContext } from './controller-context.ts';
import { recordWarning } from './event-recorder.ts';
import { keyOf } from './namespaced-name.ts';
import type { PrimaryEventHandler, PrimaryReconciler } from './primary-reconciler.ts';

/** Reconciles standalone CertificateRequests like clusters, and signals changes to the others to their cluster. */
export function certificateRequestHandler(context: ControllerContext, reconciler: PrimaryReconciler) {
  const { cache, workflows, signaller, settings, logger } = context;
  const viewOf = (request: ObservedRequest): ClusterView => standaloneView(settings, request);

  /** Ends the standalone workflow of a request, if one runs: the workflow of its cluster takes over. */
  const releaseStandalone = async (owner: string, request: ObservedRequest): Promise<void> => {
    const cached = cache.getCluster(standaloneRef(request));
    if (cached === undefined) return;
    // The cached one is a deleted predecessor of the same name.
    if (cached.uid !== request.uid) return await reconciler.reconcileDeleted(cached);
    await signaller.inOrder(cached, async () => {
      if (cached.served) {
        await workflows.signal(cached, requestClaimed, cache.claimBy(owner, request));
        logger.info({ request: keyOf(cached), cluster: owner }, 'A CertificateRequest is no longer standalone');
      }
      cache.deleteCluster(cached);
    });
  };

  const reconcileStandalone = async (
    previous: ObservedRequest | undefined,
    request: ObservedRequest,
    from: 'list' | 'watch',
  ): Promise<void> => {
    const view = viewOf(request);
    await reconciler.reconcile(view, from);
    const cached = cache.getCluster(standaloneRef(request));
    if (cached === undefined || previous === undefined) return;
    // The view lacks fields such as renewBeforeDays, which the workflow reads when it evaluates.
    const specChanged = isSpecChanged(previous, request) && sameView(viewOf(previous), view);
    const what = specChanged
      ? `The spec of the CertificateRequest ${request.name} was changed by another field manager.`
      : describeStatusChange(previous, request);
    if (what !== undefined) await signaller.drifted([cached], what, request.otherManager);
    await onPolicyChange(previous, request, [cached]);
  };

  /** A change alone is recorded, so that a take-over repeats no Event: the status shows an invalid annotation for good. */
  const onPolicyChange = async (
    previous: ObservedRequest | undefined,
    request: ObservedRequest,
    clusters: readonly CachedCluster[],
  ): Promise<void> => {
    if (previous === undefined || previous.renewalPolicyAnnotation === request.renewalPolicyAnnotation) return;
    const requested = renewalPolicyOf(request, settings.renewalPolicy);
    const what = `The renewal policy of the CertificateRequest ${request.name} is ${requested.policy} now.`;
    await signaller.dependencyChanged(clusters, what);
    if (requested.problem === undefined) return;
    await recordWarning(context, standaloneRef(request), 'InvalidRenewalPolicy', invalidPolicyMessage(requested));
  };

  /** Matched by name: other managers may have changed the owner. A decommissioned cluster deletes the request. */
  const usersOf = ({ namespace, name, owner }: ObservedRequest): readonly CachedCluster[] =>
    [...cache.deployments.in(namespace)].filter(
      (cluster) =>
        (owner === undefined || cluster.uid === owner.uid) &&
        cluster.gate !== 'decommission' &&
        cluster.certificates.some(({ requestName }) => requestName === name),
    );

  /** Other standalone requests that name the same Secret, and were refused it. */
  const standaloneWithSameSecret = ({ namespace, name, secretName }: ObservedRequest): readonly CachedCluster[] =>
    [...cache.standalone.in(namespace)].filter(
      (other) => other.name !== name && other.certificates.some((certificate) => certificate.secretName === secretName),
    );

  const handleDelete = async (request: ObservedRequest): Promise<void> => {
    if (cache.requests.get(request)?.uid === request.uid) cache.requests.delete(request);
    const owner = cache.ownerOf(request);
    if (owner !== undefined) await releaseStandalone(owner, request);
    // Otherwise the resync finds its workflow, if it has one.
    else if (cache.deploymentsKnown) await reconciler.reconcileDeleted(standaloneRef(request), viewOf(request));
    const affected = [...usersOf(request), ...standaloneWithSameSecret(request)];
    await signaller.dependencyChanged(affected, `The CertificateRequest ${request.name} was deleted.`);
  };

  const observe = (object: KubernetesObject): ObservedRequest =>
    observeRequest(object, (namespace, { name }) => cache.deployments.get({ namespace, name }));

  const handler: PrimaryEventHandler = {
    onListed(object) {
      const request = observe(object);
      cache.requests.set(request);
      if (cache.deploymentsKnown && cache.ownerOf(request) === undefined) reconciler.restore(viewOf(request));
    },
    async onUpsert(object, from) {
      const request = observe(object);
      const cached = cache.requests.get(request);
      const previous = cached?.uid === request.uid ? cached : undefined;
      cache.requests.set(request);
      const owner = cache.ownerOf(request);
      if (owner === undefined) {
        if (cache.deploymentsKnown) await reconcileStandalone(previous, request, from);
        return;
      }
      await releaseStandalone(owner, request);
      const what = previous && describeRequestChange(previous, request);
      if (what !== undefined) await signaller.drifted(usersOf(request), what, request.otherManager);
      await onPolicyChange(previous, request, usersOf(request));
    },
    async onDelete(object) {
      await handleDelete(observeRequest(object));
    },
    async onMissedDelete(gone) {
      const request = cache.requests.get(gone);
      if (request?.uid === gone.uid) await handleDelete(request);
      else await reconciler.reconcileDeleted(standaloneRef(gone));
    },
    async onSynced(keys) {
      const deleted = [...cache.requests.all()].filter((request) => !keys.has(keyOf(request)));
      await Promise.all(deleted.map(handleDelete));
    },
  };

  /** Re-evaluates which requests of a namespace are standalone. */
  const onOwnersChanged = async (namespace: string): Promise<void> => {
    if (!cache.deploymentsKnown) return;
    await Promise.all(
      [...cache.requests.in(namespace)].map(async (request) => {
        const owner = cache.ownerOf(request);
        const isReconciled = cache.getCluster(standaloneRef(request)) !== undefined;
        if (owner === undefined && !isReconciled) await reconciler.reconcile(viewOf(request));
        if (owner !== undefined && isReconciled) await releaseStandalone(owner, request);
      }),
    );
  };

  /** All ClusterDeployments are cached: decides on the requests that were cached before. */
  const onOwnersKnown = async (): Promise<void> => {
    cache.deploymentsKnown = true;
    const namespaces = new Set(Array.from(cache.requests.all(), ({ namespace }) => namespace));
    await Promise.all([...namespaces].map(onOwnersChanged));
  };

  return { ...handler, onOwnersChanged, onOwnersKnown };
}

function standaloneRef({ namespace, name, uid }: ObjectRef): ClusterRef {
  return { kind: 'CertificateRequest', namespace, name, uid };
}
