import type { ClusterView } from './cluster-view.ts';

/** Where a move to another management cluster is; the other one may write the resources, so certman does not. */
const RELOCATION_REASONS = ['RelocatingOut', 'Relocated', 'RelocatingIn'] as const;

/** One of the reasons of a move. */
export type RelocationReason = (typeof RELOCATION_REASONS)[number];

/** Why a cluster is not served: label of a gauge and reason of an Event. */
export const GATE_REASONS = [
  'FakeCluster',
  'NotManaged',
  ...RELOCATION_REASONS,
  'ReconcilePaused',
  'NotInstalled',
  'StandaloneRequestsOff',
] as const;

/** One of {@link GATE_REASONS}. */
export type GateReason = (typeof GATE_REASONS)[number];

/** What certman does with a cluster, and why. Messages are sentences for people. */
export type Gate =
  /** `note`: something wrong that does not prevent serving. */
  | { readonly kind: 'serve'; readonly note?: string }
  | { readonly kind: 'decommission'; readonly message: string }
  /** `skip` until a person acts; `wait` until a condition is met; `handsOff`: nothing is created, renewed, revoked. */
  | { readonly kind: 'skip' | 'wait' | 'handsOff'; readonly reason: GateReason; readonly message: string };

/** The first gate that applies, deletion first. A standalone request has those of deletion, pause and the switch only. */
export function gateOf(view: ClusterView): Gate {
  const { name, namespace } = view.identity;
  if (view.deleting) return deletionGateOf(view);
  if (view.standaloneRequestsOff === true) {
    const message =
      'Standalone CertificateRequests are not served on this management cluster: nothing is ordered or renewed. ' +
      "Let a ClusterDeployment request the certificate, or have certman's operator set CERTMAN_STANDALONE_REQUESTS=on.";
    return { kind: 'skip', reason: 'StandaloneRequestsOff', message };
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
  const relocation = relocationGateOf(view);
  if (relocation !== undefined) return relocation;
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
      'The annotation hive.openshift.io/relocate is not <ClusterRelocate>/<outgoing|incoming|complete> and is ignored. ' +
      'Correct or remove it.';
    return { kind: 'serve', note };
  }
  return { kind: 'serve' };
}

/** Hive deletes the source of a finished move. A deletion before that aborts it, and Hive clears the annotation. */
function deletionGateOf({ relocation }: ClusterView): Gate {
  if (relocation === 'outgoing') {
    const message =
      'It is being deleted while it moves to another management cluster, which aborts the move. Until Hive has cleared ' +
      'the annotation hive.openshift.io/relocate, its certificates may be in use there: nothing is revoked or removed. ' +
      'If Hive does not clear it, remove it yourself.';
    return { kind: 'handsOff', reason: 'RelocatingOut', message };
  }
  if (relocation === 'complete') {
    const message =
      'It has moved to another management cluster and is being deleted here: its certificates stay valid, and only ' +
      'what is stored here is removed.';
    return { kind: 'decommission', message };
  }
  return { kind: 'decommission', message: 'It is being deleted: its certificates are revoked and removed.' };
}

function relocationGateOf({ relocation }: ClusterView): Gate | undefined {
  switch (relocation) {
    case 'outgoing': {
      const message =
        'The cluster is moving to another management cluster (annotation hive.openshift.io/relocate): nothing is created, ' +
        'renewed or revoked from here. The other management cluster takes over; nothing to do.';
      return { kind: 'handsOff', reason: 'RelocatingOut', message };
    }
    case 'complete': {
      const message =
        'The cluster has moved to another management cluster (annotation hive.openshift.io/relocate): nothing is ' +
        'created, renewed or revoked from here, and Hive deletes it here; nothing to do.';
      return { kind: 'handsOff', reason: 'Relocated', message };
    }
    case 'incoming': {
      const message =
        'The cluster is moving here from another management cluster (annotation hive.openshift.io/relocate). It is ' +
        'served once Hive has cleared the annotation; nothing to do.';
      return { kind: 'wait', reason: 'RelocatingIn', message };
    }
    case 'none':
    case 'malformed':
      return undefined;
  }
}

/** Whether the gate is closed by a move: certman then writes nothing to the cluster's resources. */
export function isRelocating(gate: Gate): boolean {
  return 'reason' in gate && RELOCATION_REASON_SET.has(gate.reason);
}

/** Whether its certificates are in use on another management cluster, or may be: they are not revoked. */
export function isUsedElsewhere({ relocation }: ClusterView): boolean {
  return relocation === 'complete' || relocation === 'outgoing';
}

const RELOCATION_REASON_SET: ReadonlySet<GateReason> = new Set(RELOCATION_REASONS);
