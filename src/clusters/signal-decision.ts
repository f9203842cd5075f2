import { type CachedCluster, needsWorkflow } from './cached-cluster.ts';
import { type ClusterView, clusterDigest } from './cluster-view.ts';
import { type GateReason, gateOf } from './gate.ts';

/** Result of {@link decideSignal}. */
export type SignalDecision =
  /** `observed`: signal-with-start `clusterObserved`. `finalizerLost`: `dependencyChanged`, another removed it. */
  | { readonly kind: 'nothing' | 'observed' | 'finalizerLost' }
  /** An Event that explains why it is not served. */
  | { readonly kind: 'explain'; readonly reason: GateReason; readonly message: string };

/** Which signal the workflow of an observed cluster needs. @param previous undefined when it is new. */
export function decideSignal(previous: CachedCluster | undefined, view: ClusterView): SignalDecision {
  // Re-created under the same name, it is another object.
  const before = previous?.uid === view.identity.uid ? previous : undefined;
  const gate = gateOf(view);
  const changed = before?.digest !== clusterDigest(view);
  if (before?.served === true || needsWorkflow(gate, view)) {
    if (changed) return { kind: 'observed' };
    // On a deleting object, certman itself removed it after decommissioning.
    const lost = before?.finalizer && !view.finalizer && !view.deleting;
    return { kind: lost ? 'finalizerLost' : 'nothing' };
  }
  const onlyGated = view.installed && !view.fake && view.bundles.length > 0;
  if (changed && gate.kind === 'skip' && onlyGated && before?.reason !== gate.reason) {
    return { kind: 'explain', reason: gate.reason, message: gate.message };
  }
  return { kind: 'nothing' };
}
