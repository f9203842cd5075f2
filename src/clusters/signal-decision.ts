import { type CachedCluster, isSameObject, needsWorkflow } from './cached-cluster.ts';
import { type ClusterView, clusterDigest } from './cluster-view.ts';
import { type GateReason, gateOf } from './gate.ts';

/** Result of {@link decideSignal}. */
export type SignalDecision =
  | { readonly kind: 'nothing' }
  /** Signal-with-start `clusterObserved`. */
  | { readonly kind: 'observed' }
  /** `dependencyChanged`: certman's finalizer was removed by another. */
  | { readonly kind: 'finalizerLost' }
  /** An Event that explains why it is not served. */
  | { readonly kind: 'explain'; readonly reason: GateReason; readonly message: string };

const NOTHING: SignalDecision = { kind: 'nothing' };

/** Which signal the workflow of an observed cluster needs. @param previous undefined when it is new. */
export function decideSignal(previous: CachedCluster | undefined, view: ClusterView): SignalDecision {
  const before = isSameObject(previous, view) ? previous : undefined;
  const gate = gateOf(view);
  const changed = before?.digest !== clusterDigest(view);
  if (before?.served === true || needsWorkflow(gate, view)) {
    if (changed) return { kind: 'observed' };
    // On a deleting object, certman itself removed it after decommissioning.
    return before?.finalizer && !view.finalizer && !view.deleting ? { kind: 'finalizerLost' } : NOTHING;
  }
  const onlyGated = view.installed && !view.fake && view.bundles.length > 0;
  if (changed && gate.kind === 'skip' && onlyGated && before?.reason !== gate.reason) {
    return { kind: 'explain', reason: gate.reason, message: gate.message };
  }
  return NOTHING;
}
