import type { ClusterRef } from './cluster-identity.ts';
import { type ClusterView, clusterDigest } from './cluster-view.ts';
import { type Gate, type GateReason, gateOf } from './gate.ts';
import { requestName } from './request-name.ts';
import { type ServedEndpoints, servedEndpointsOf } from './served-endpoints.ts';

/** A bundle and the two objects that belong to it. */
export interface CachedCertificate {
  readonly bundleName: string;
  readonly requestName: string;
  readonly secretName: string;
}

/** A ClusterDeployment or standalone CertificateRequest as last observed: small, since the controller caches many. */
export interface CachedCluster extends ClusterRef {
  /** Of the view that Temporal took last; undefined: none, so that the next event or resync signals again. */
  readonly digest?: string;
  readonly gate: Gate['kind'];
  readonly reason?: GateReason;
  readonly finalizer: boolean;
  readonly limitedSupport: boolean;
  /** Whether it has a workflow: it was served since it was first observed, or has certman's finalizer. */
  readonly served: boolean;
  readonly certificates: readonly CachedCertificate[];
  readonly credentialsSecret?: string;
  /** Absent: as of most clusters. */
  readonly endpoints?: ServedEndpoints;
}

/**
 * The entry for a view.
 * @param previous the entry of this namespace and name so far.
 * @param taken whether the workflow needed no signal of it, or Temporal took that.
 */
export function toCachedCluster(previous: CachedCluster | undefined, view: ClusterView, taken = true): CachedCluster {
  const gate = gateOf(view);
  const { kind, namespace, name, uid } = view.identity;
  // Field by field: V8 keeps a spread object in two parts.
  return {
    kind,
    namespace,
    name,
    uid,
    digest: taken ? clusterDigest(view) : undefined,
    gate: gate.kind,
    reason: 'reason' in gate ? gate.reason : undefined,
    finalizer: view.finalizer,
    limitedSupport: view.limitedSupport,
    // Re-created under the same name, it is another object.
    served: (previous?.uid === uid && previous.served) || needsWorkflow(gate, view),
    certificates: view.bundles.map((bundle) => ({
      bundleName: bundle.name,
      requestName: bundle.requestName ?? requestName(name, bundle.name),
      secretName: bundle.secretName,
    })),
    credentialsSecret: ('credentialsSecret' in view.platform && view.platform.credentialsSecret) || undefined,
    endpoints: servedEndpointsOf(view),
  };
}

/** Whether a cluster without a workflow needs one. Where no standalone request is served, its status says so. */
export function needsWorkflow(gate: Gate, view: ClusterView): boolean {
  return view.finalizer || ((gate.kind === 'serve' || isSwitchedOff(gate)) && view.bundles.length > 0);
}

function isSwitchedOff(gate: Gate): boolean {
  return 'reason' in gate && gate.reason === 'StandaloneRequestsOff';
}
