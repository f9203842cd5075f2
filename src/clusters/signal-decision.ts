/**
 * What the workflow of a cluster has to be told when the watch sees its ClusterDeployment: the decisions, without the doing.
 * Pure.
 */
import { requestNameOf } from './certificate-request-name.ts';
import type { ClusterIdentity, ClusterView } from './cluster-view.ts';
import { clusterDigest } from './digest.ts';
import { type Gate, type GateReason, gateOf } from './gate.ts';

/** A bundle, and the two objects that belong to it. */
export interface CachedCertificate {
  readonly bundleName: string;
  readonly requestName: string;
  readonly secretName: string;
}

/** What the watch keeps of each cluster, or CertificateRequest that stands alone; small, since there are many. */
export interface CachedCluster {
  readonly kind?: ClusterIdentity['kind'];
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly digest: string;
  readonly gate: Gate['kind'];
  readonly reason?: GateReason;
  readonly finalizer: boolean;
  readonly limitedSupport: boolean;
  /** Whether it has a workflow: it was served since it was first seen, or carries our finalizer. */
  readonly served: boolean;
  /** Where each of its certificates is. */
  readonly certificates: readonly CachedCertificate[];
  readonly credentialsSecret?: string;
}

export type SignalDecision =
  | { readonly kind: 'nothing' }
  /** Signal-with-start `clusterObserved`. */
  | { readonly kind: 'observed' }
  /** `dependencyChanged`: somebody took our finalizer off. */
  | { readonly kind: 'finalizerLost' }
  /** An Event on the ClusterDeployment that says why nothing happens. */
  | { readonly kind: 'explain'; readonly reason: GateReason; readonly message: string };

const NOTHING: SignalDecision = { kind: 'nothing' };

/** What is remembered of a cluster once `view` has been dealt with. */
export function toCachedCluster(previous: CachedCluster | undefined, view: ClusterView): CachedCluster {
  const gate = gateOf(view);
  const before = sameObject(previous, view) ? previous : undefined;
  const credentialsSecret = 'credentialsSecret' in view.platform ? view.platform.credentialsSecret : undefined;
  const { kind, namespace, name, uid } = view.identity;
  return {
    ...(kind === undefined ? {} : { kind }),
    namespace,
    name,
    uid,
    digest: clusterDigest(view),
    gate: gate.kind,
    ...('reason' in gate ? { reason: gate.reason } : {}),
    finalizer: view.finalizer,
    limitedSupport: view.limitedSupport,
    served: before?.served === true || needsWorkflow(gate, view),
    certificates: view.bundles.map((bundle) => ({
      bundleName: bundle.name,
      requestName: requestNameOf(view.identity, bundle),
      secretName: bundle.secretName,
    })),
    ...(credentialsSecret === undefined || credentialsSecret === '' ? {} : { credentialsSecret }),
  };
}

/** @param hive name of the hub. */
export function identityOf(managementCluster: string, { kind, namespace, name, uid }: CachedCluster): ClusterIdentity {
  return { managementCluster, namespace, name, uid, ...(kind === undefined ? {} : { kind }) };
}

/**
 * @param previous what was last dealt with under this namespace and name; undefined when it is seen for the first time.
 */
export function decideSignal(previous: CachedCluster | undefined, view: ClusterView): SignalDecision {
  const before = sameObject(previous, view) ? previous : undefined;
  const gate = gateOf(view);
  const changed = before === undefined || before.digest !== clusterDigest(view);
  if (before?.served === true || needsWorkflow(gate, view)) {
    if (changed) return { kind: 'observed' };
    // Released by us at the end of a decommission, it is no loss.
    return before.finalizer && !view.finalizer && !view.deleting ? { kind: 'finalizerLost' } : NOTHING;
  }
  if (changed && gate.kind === 'skip' && wouldBeServed(view) && before?.reason !== gate.reason) {
    return { kind: 'explain', reason: gate.reason, message: gate.message };
  }
  return NOTHING;
}

/** Whether a workflow has to run for a cluster that has none yet. */
function needsWorkflow(gate: Gate, view: ClusterView): boolean {
  if (view.finalizer) return true;
  return gate.kind === 'serve' && view.bundles.length > 0;
}

/** Whether only the gate stands between the cluster and its certificates. A fake cluster is left alone in silence. */
function wouldBeServed(view: ClusterView): boolean {
  return view.installed && !view.fake && view.bundles.length > 0;
}

/** A ClusterDeployment made again under its old name is another cluster. */
function sameObject(previous: CachedCluster | undefined, view: ClusterView): previous is CachedCluster {
  return previous !== undefined && previous.uid === view.identity.uid;
}
