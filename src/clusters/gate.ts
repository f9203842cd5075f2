/**
 * What a ClusterDeployment, or a CertificateRequest that stands alone, means for certman: serve it, decommission it, or leave
 * it alone, and why. Pure.
 */
import type { ClusterView } from './cluster-view.ts';

/** Stable CamelCase words for why a cluster is left alone; labels of a gauge and reasons of Events. */
export type GateReason = 'FakeCluster' | 'NotManaged' | 'RelocatingOut' | 'ReconcilePaused' | 'NotInstalled';

export type Gate =
  | {
      readonly kind: 'serve';
      /** Something odd that does not stand in the way, in a sentence. */
      readonly note?: string;
    }
  /** Revoke, delete, release the finalizer. Goes before every other gate. */
  | { readonly kind: 'decommission'; readonly message: string }
  /**
   * - `skip`: not a cluster for certman, unless somebody changes what the message names.
   * - `wait`: will be served by itself once the message's condition is met.
   * - `handsOff`: certman's certificates stay as they are; nothing is created, renewed or revoked.
   */
  | { readonly kind: 'skip' | 'wait' | 'handsOff'; readonly reason: GateReason; readonly message: string };

/** The one answer for a cluster as it is now. Of a request that stands alone, only the deletion and the pause can be in the way. */
export function gateOf(view: ClusterView): Gate {
  if (view.deleting) {
    return { kind: 'decommission', message: 'It is being deleted: its certificates are revoked and removed.' };
  }
  if (view.fake) {
    return {
      kind: 'skip',
      reason: 'FakeCluster',
      message:
        'No certificates are made for a fake cluster. To have them, remove the annotation managed.openshift.com/fake.',
    };
  }
  if (!view.managed) {
    return {
      kind: 'skip',
      reason: 'NotManaged',
      message:
        'No certificates are made: the label api.openshift.com/managed is missing or is not "true". To have them, set it: ' +
        `oc label clusterdeployment ${view.identity.name} -n ${view.identity.namespace} api.openshift.com/managed=true --overwrite`,
    };
  }
  if (view.relocation === 'outgoing') {
    return {
      kind: 'handsOff',
      reason: 'RelocatingOut',
      message:
        'The cluster is moving to another hub (annotation hive.openshift.io/relocate): nothing is created, renewed or ' +
        'revoked from here. The other hub takes over; nothing to do.',
    };
  }
  if (view.paused) {
    return {
      kind: 'handsOff',
      reason: 'ReconcilePaused',
      message:
        'Paused by the annotation hive.openshift.io/reconcile-pause: nothing is created, renewed or revoked. ' +
        'Remove the annotation to go on.',
    };
  }
  if (!view.installed) {
    return {
      kind: 'wait',
      reason: 'NotInstalled',
      message: 'The cluster is not installed yet (spec.installed). Certificates are made once it is; nothing to do.',
    };
  }
  if (view.relocation === 'malformed') {
    return {
      kind: 'serve',
      note:
        'The annotation hive.openshift.io/relocate is not <hive>/<outgoing|incoming|complete> and is ignored. ' +
        'Correct or remove it.',
    };
  }
  return { kind: 'serve' };
}
