import type { ClusterView } from './cluster-view.ts';

/** Why a cluster is not served: label of a gauge and reason of an Event. */
export type GateReason = 'FakeCluster' | 'NotManaged' | 'RelocatingOut' | 'ReconcilePaused' | 'NotInstalled';

/** What certman does with a cluster, and why. Messages are sentences for people. */
export type Gate =
  /** `note`: something wrong that does not prevent serving. */
  | { readonly kind: 'serve'; readonly note?: string }
  | { readonly kind: 'decommission'; readonly message: string }
  /** `skip` until a person acts; `wait` until a condition is met; `handsOff`: nothing is created, renewed, revoked. */
  | { readonly kind: 'skip' | 'wait' | 'handsOff'; readonly reason: GateReason; readonly message: string };

/** The first gate that applies, deletion first. A standalone request has the gates of deletion and pause only. */
export function gateOf(view: ClusterView): Gate {
  const { name, namespace } = view.identity;
  if (view.deleting) {
    return { kind: 'decommission', message: 'It is being deleted: its certificates are revoked and removed.' };
  }
  if (view.fake) {
    const message =
      'A fake cluster gets no certificates. To change that, remove the annotation managed.openshift.com/fake.';
    return { kind: 'skip', reason: 'FakeCluster', message };
  }
  if (!view.managed) {
    const message =
      'It gets no certificates: the label api.openshift.com/managed is missing or is not "true". To change that, set it: ' +
      `oc label clusterdeployment ${name} -n ${namespace} api.openshift.com/managed=true --overwrite`;
    return { kind: 'skip', reason: 'NotManaged', message };
  }
  if (view.relocation === 'outgoing') {
    const message =
      'The cluster is moving to another management cluster (annotation hive.openshift.io/relocate): nothing is created, ' +
      'renewed or revoked from here. The other management cluster takes over; nothing to do.';
    return { kind: 'handsOff', reason: 'RelocatingOut', message };
  }
  if (view.paused) {
    const message =
      'Paused by the annotation hive.openshift.io/reconcile-pause: nothing is created, renewed or revoked. ' +
      'To resume, remove the annotation.';
    return { kind: 'handsOff', reason: 'ReconcilePaused', message };
  }
  if (!view.installed) {
    const message =
      'The cluster is not installed yet (spec.installed). It gets its certificates once it is; nothing to do.';
    return { kind: 'wait', reason: 'NotInstalled', message };
  }
  if (view.relocation === 'malformed') {
    const note =
      'The annotation hive.openshift.io/relocate is not <hive>/<outgoing|incoming|complete> and is ignored. ' +
      'Correct or remove it.';
    return { kind: 'serve', note };
  }
  return { kind: 'serve' };
}
